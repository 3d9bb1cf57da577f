/* A GPIO chip with two lines, for kernels without gpio-sim: preloaded into the agent, it answers for the device
 * /dev/gpiochip-fake as linux/gpio.h says a chip does, and keeps the state of line 1, "lamp", in the file FAKE_GPIO: "requested
 * FLAGS CONSUMER", then "0" or "1" for each change. With the file FAKE_GPIO.broken beside it nothing can be switched; with
 * FAKE_GPIO.dark the lamp is off whatever was switched. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

static int chip = -1, line = -1, value;

static void note(const char *text) {
    FILE *file = fopen(getenv("FAKE_GPIO"), "a");
    if (!file) return;
    fprintf(file, "%s\n", text);
    fclose(file);
}

static int is_said(const char *what) {
    char path[512];
    snprintf(path, sizeof path, "%s.%s", getenv("FAKE_GPIO"), what);
    return access(path, F_OK) == 0;
}

static int opened(const char *symbol, const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, symbol);
    if (strcmp(path, "/dev/gpiochip-fake") != 0) return real(path, flags, mode);
    return chip = real("/dev/null", flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened("open64", path, flags, mode);
}

int ioctl(int fd, unsigned long request, ...) {
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    switch (request) {
    case GPIO_GET_CHIPINFO_IOCTL: ((struct gpiochip_info *)argument)->lines = 2; return 0;
    case GPIO_V2_GET_LINEINFO_IOCTL: {
        struct gpio_v2_line_info *info = argument;
        strcpy(info->name, info->offset == 1 ? "lamp" : "");
        return 0;
    }
    case GPIO_V2_GET_LINE_IOCTL: {
        struct gpio_v2_line_request *line_request = argument;
        if (fd != chip || line_request->num_lines != 1 || line_request->offsets[0] != 1) return errno = EINVAL, -1;
        char text[128];
        snprintf(text, sizeof text, "requested %llx %s", (unsigned long long)line_request->config.flags, line_request->consumer);
        note(text);
        line = line_request->fd = dup(fd);
        value = 0;
        return 0;
    }
    case GPIO_V2_LINE_SET_VALUES_IOCTL: {
        struct gpio_v2_line_values *values = argument;
        if (fd != line || values->mask != 1 || is_said("broken")) return errno = EIO, -1;
        if ((values->bits & 1) != (unsigned)value) note(values->bits & 1 ? "1" : "0");
        value = values->bits & 1;
        return 0;
    }
    case GPIO_V2_LINE_GET_VALUES_IOCTL:
        if (fd != line) return errno = EIO, -1;
        ((struct gpio_v2_line_values *)argument)->bits = value && !is_said("dark");
        return 0;
    }
    int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
    return real(fd, request, argument);
}
