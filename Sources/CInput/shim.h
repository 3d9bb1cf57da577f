#pragma once

#include <linux/input.h>
#include <sys/ioctl.h>

/// Keeps what the device sends from everybody else, the console included.
static inline int cinput_grab(int descriptor) { return ioctl(descriptor, EVIOCGRAB, 1); }

/// Has the device stamp its events by CLOCK_MONOTONIC, which nobody sets.
static inline int cinput_stamp_monotonic(int descriptor) {
    int clock = 1; /* CLOCK_MONOTONIC, which time.h hides */
    return ioctl(descriptor, EVIOCSCLOCKID, &clock);
}

/// When the event happened, by the device's clock; the field is another one where time_t has grown.
static inline long long cinput_nanoseconds(const struct input_event *event) {
    return event->input_event_sec * 1000000000LL + event->input_event_usec * 1000LL;
}

/// Writes at most `size` bytes with a zero at the end; returns the length or -1.
static inline int cinput_name(int descriptor, char *buffer, int size) {
    return ioctl(descriptor, EVIOCGNAME(size), buffer);
}
