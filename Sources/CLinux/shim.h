#pragma once

/* Linux calls that the Glibc module does not show, because it is built without _GNU_SOURCE. Where the headers would
 * hide a structure or a function for the same reason, it is declared here under a name of our own and bound to the
 * C library's symbol. */

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
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

/* struct ucred, socket.h */
struct clinux_ucred {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
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
static const int clinux_so_peercred = 17;
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
