#pragma once

#include <linux/input.h>
#include <sys/ioctl.h>

/// Keeps what the device sends from everybody else, the console included.
static inline int cinput_grab(int descriptor) { return ioctl(descriptor, EVIOCGRAB, 1); }

/// Writes at most `size` bytes with a zero at the end; returns the length or -1.
static inline int cinput_name(int descriptor, char *buffer, int size) {
    return ioctl(descriptor, EVIOCGNAME(size), buffer);
}
