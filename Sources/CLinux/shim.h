#pragma once

/* Linux calls that the Glibc module does not show, because it is built without _GNU_SOURCE. Where the headers would
 * hide a structure or a function for the same reason, it is declared here under a name of our own and bound to the
 * C library's symbol. */

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/gpio.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <malloc.h>
#include <unistd.h>

/* struct mmsghdr, socket.h */
struct clinux_mmsghdr {
    struct msghdr msg_hdr;
    unsigned int msg_len;
};

int clinux_recvmmsg(int fd, struct clinux_mmsghdr *messages, unsigned int count, int flags, struct timespec *timeout)
    __asm__("recvmmsg");
int clinux_sendmmsg(int fd, struct clinux_mmsghdr *messages, unsigned int count, int flags) __asm__("sendmmsg");
int clinux_epoll_pwait2(
    int fd, struct epoll_event *events, int count, const struct timespec *timeout, const sigset_t *mask)
    __asm__("epoll_pwait2");
int clinux_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags) __asm__("accept4");
int clinux_pthread_setname(pthread_t thread, const char *name) __asm__("pthread_setname_np");

/* Constants whose macros are enumerators, casts or hidden. */
static const int clinux_sock_nonblock = 04000;
static const int clinux_sock_cloexec = 02000000;
static const int clinux_sock_stream = 1;
static const int clinux_sock_dgram = 2;
static const int clinux_sock_raw = 3;
static const int clinux_msg_nosignal = 0x4000;
static const uint32_t clinux_epollin = 0x001;
static const uint32_t clinux_epollout = 0x004;
static const uint32_t clinux_epollerr = 0x008;
static const uint32_t clinux_epollhup = 0x010;
static const uint32_t clinux_epollrdhup = 0x2000;
static const unsigned clinux_iff_up = 0x1;
static const unsigned clinux_iff_loopback = 0x8;
static const unsigned clinux_iff_pointopoint = 0x10;
static const unsigned clinux_iff_running = 0x40;

/* epoll_event is packed on x86-64; its union is easier set here. */
static inline int clinux_epoll_ctl(int fd, int operation, int target, uint32_t events, uint64_t token) {
    struct epoll_event event;
    event.events = events;
    event.data.u64 = token;
    return epoll_ctl(fd, operation, target, &event);
}
static inline uint64_t clinux_epoll_token(const struct epoll_event *event) { return event->data.u64; }

/* GPIO lines through the character device, version 2 of its interface (linux/gpio.h). Each gives -1 and errno on failure. */

/* How many lines a chip has. */
static inline int clinux_gpio_lines(int chip) {
    struct gpiochip_info info;
    memset(&info, 0, sizeof info);
    return ioctl(chip, GPIO_GET_CHIPINFO_IOCTL, &info) < 0 ? -1 : (int)info.lines;
}

/* Whether the line at this offset has this name: 1 or 0. */
static inline int clinux_gpio_is_named(int chip, uint32_t offset, const char *name) {
    struct gpio_v2_line_info info;
    memset(&info, 0, sizeof info);
    info.offset = offset;
    if (ioctl(chip, GPIO_V2_GET_LINEINFO_IOCTL, &info) < 0) return -1;
    return strncmp(info.name, name, sizeof info.name) == 0;
}

/* Takes one line as an output that is off; gives its descriptor. */
static inline int clinux_gpio_request_output(int chip, uint32_t offset, int is_active_low, const char *consumer) {
    struct gpio_v2_line_request request;
    memset(&request, 0, sizeof request);
    request.offsets[0] = offset;
    request.num_lines = 1;
    strncpy(request.consumer, consumer, sizeof request.consumer - 1);
    request.config.flags = GPIO_V2_LINE_FLAG_OUTPUT | (is_active_low ? GPIO_V2_LINE_FLAG_ACTIVE_LOW : 0);
    request.config.num_attrs = 1;
    request.config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
    request.config.attrs[0].attr.values = 0;
    request.config.attrs[0].mask = 1;
    return ioctl(chip, GPIO_V2_GET_LINE_IOCTL, &request) < 0 ? -1 : request.fd;
}

static inline int clinux_gpio_set(int line, int is_active) {
    struct gpio_v2_line_values values = {.bits = is_active ? 1 : 0, .mask = 1};
    return ioctl(line, GPIO_V2_LINE_SET_VALUES_IOCTL, &values);
}

/* 1 or 0. */
static inline int clinux_gpio_get(int line) {
    struct gpio_v2_line_values values = {.bits = 0, .mask = 1};
    return ioctl(line, GPIO_V2_LINE_GET_VALUES_IOCTL, &values) < 0 ? -1 : (int)(values.bits & 1);
}

/* Multicast: struct group_req (RFC 3678) and struct ip_mreqn, ip(7). */
static inline int clinux_join_group(
    int fd, int level, uint32_t interface_index, const struct sockaddr *group, socklen_t size) {
    struct { uint32_t interface_index; struct sockaddr_storage group; } request;
    memset(&request, 0, sizeof request);
    request.interface_index = interface_index;
    memcpy(&request.group, group, size);
    return setsockopt(fd, level, 42 /* MCAST_JOIN_GROUP */, &request, sizeof request);
}
static inline int clinux_multicast_from(int fd, int is_ipv4, uint32_t interface_index) {
    struct { uint32_t group, address; int32_t index; } request = {0, 0, (int32_t)interface_index};
    if (!is_ipv4) return setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &interface_index, sizeof interface_index);
    return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request);
}
