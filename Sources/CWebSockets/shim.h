#pragma once

#include <ev.h>
#include <libwebsockets.h>
#include <openssl/x509_vfy.h>
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <time.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <fcntl.h>
#include <errno.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

// Function-like macros and shifted long longs do not reach Swift.
static const int cws_pre = LWS_PRE;
static const uint64_t cws_option_tls_global_init = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
static const uint64_t cws_option_explicit_vhosts = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
static const uint64_t cws_option_libev = LWS_SERVER_OPTION_LIBEV;
static const uint64_t cws_option_validate_utf8 = LWS_SERVER_OPTION_VALIDATE_UTF8;
static const uint64_t cws_option_disable_ipv6 = LWS_SERVER_OPTION_DISABLE_IPV6;
static const uint64_t cws_option_disable_os_ca = LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
static const uint64_t cws_option_fail_unbound = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND;
static const uint64_t cws_option_v6only = LWS_SERVER_OPTION_IPV6_V6ONLY_MODIFY | LWS_SERVER_OPTION_IPV6_V6ONLY_VALUE;
static const uint64_t cws_option_skip_canonical_name = LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME;
static const uint64_t cws_option_fallback = LWS_SERVER_OPTION_FALLBACK_TO_APPLY_LISTEN_ACCEPT_CONFIG;
static const int cws_port_no_listen = CONTEXT_PORT_NO_LISTEN_SERVER;
static const long cws_tls_1_2_and_later = SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_RENEGOTIATION;

// The other end of a connected socket, or this end of any. Returns 4 or 6 and fills address and port, 0 when there is none.
static inline int cws_address(int fd, int is_peer, uint8_t address[16], uint16_t *port) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    if ((is_peer ? getpeername : getsockname)(fd, (struct sockaddr *)&storage, &length) != 0) return 0;
    if (storage.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&storage;
        memcpy(address, &in->sin_addr, 4);
        *port = ntohs(in->sin_port);
        return 4;
    }
    if (storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&storage;
        memcpy(address, &in6->sin6_addr, 16);
        *port = ntohs(in6->sin6_port);
        return 6;
    }
    return 0;
}

// A timer that bounds the context's wait. It goes off before the wait when the thread was held up that long, and a
// wait without a timer has no end: so it arms itself again until it is cancelled.
struct cws_timer {
    lws_sorted_usec_list_t list;
    struct lws_context *context;
};
static void cws_timer_expired(lws_sorted_usec_list_t *list) {
    struct cws_timer *timer = lws_container_of(list, struct cws_timer, list);
    lws_sul_schedule(timer->context, 0, list, cws_timer_expired, 1000);
}
static inline void cws_timer_arm(struct cws_timer *timer, struct lws_context *context, int64_t microseconds) {
    timer->context = context;
    lws_sul_schedule(context, 0, &timer->list, cws_timer_expired, microseconds);
}
static inline void cws_timer_cancel(struct cws_timer *timer) { lws_sul_cancel(&timer->list); }
static inline int64_t cws_microseconds(void) { return (int64_t)lws_now_usecs(); }

// What certificate verification found: an X509_V_ERR_ value.
static inline int cws_verify_error(void *store) { return X509_STORE_CTX_get_error((X509_STORE_CTX *)store); }
static const int cws_x509_ok = X509_V_OK;
static const int cws_x509_not_yet_valid = X509_V_ERR_CERT_NOT_YET_VALID;
static const int cws_x509_expired = X509_V_ERR_CERT_HAS_EXPIRED;
static const int cws_x509_hostname = X509_V_ERR_HOSTNAME_MISMATCH;
static const int cws_x509_ip = X509_V_ERR_IP_ADDRESS_MISMATCH;
static const int cws_x509_self_signed = X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
static const int cws_x509_self_signed_chain = X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
static const int cws_x509_no_issuer = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT;
static const int cws_x509_no_issuer_locally = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
static const int cws_x509_no_leaf = X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;

// One certificate of the chain under verification, the server's own at depth 0. 0 when there is none so deep.
static inline int cws_chain_entry(void *store, int depth, char *subject, char *issuer, int room, int64_t *from, int64_t *to) {
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain((X509_STORE_CTX *)store);
    X509 *entry = chain && depth < sk_X509_num(chain) ? sk_X509_value(chain, depth) : NULL;
    if (!entry) return 0;
    X509_NAME *names[2] = { X509_get_subject_name(entry), X509_get_issuer_name(entry) };
    char *texts[2] = { subject, issuer };
    for (int i = 0; i < 2; i++) {
        texts[i][0] = 0;
        if (X509_NAME_get_text_by_NID(names[i], NID_commonName, texts[i], room) <= 0
            && X509_NAME_get_text_by_NID(names[i], NID_organizationName, texts[i], room) <= 0) texts[i][0] = 0;
    }
    struct tm parts;
    if (ASN1_TIME_to_tm(X509_get0_notBefore(entry), &parts) != 1) return 0;
    *from = (int64_t)timegm(&parts);
    if (ASN1_TIME_to_tm(X509_get0_notAfter(entry), &parts) != 1) return 0;
    *to = (int64_t)timegm(&parts);
    return 1;
}

static inline void cws_clear_errno(void) { errno = 0; }
static inline int cws_errno(void) { return errno; }
static inline int cws_is_readable(const char *file) { return access(file, R_OK) == 0; }
static inline void cws_write_line(const char *line, size_t length) { (void)!write(2, line, length); }

// Tells which of many sockets the other side has left, while nothing is read from them: libwebsockets does not notice
// that during a request whose answer takes its time. The set is itself a descriptor that can be waited for.
static inline int cws_hangups_create(void) { return epoll_create1(EPOLL_CLOEXEC); }
static inline int cws_hangups_add(int set, int fd, uint64_t identifier) {
    struct epoll_event event = { .events = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLONESHOT, .data = { .u64 = identifier } };
    return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}
static inline void cws_hangups_remove(int set, int fd) { (void)epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL); }
static inline int cws_hangups_next(int set, uint64_t *identifier) {
    struct epoll_event event;
    if (epoll_wait(set, &event, 1, 0) != 1) return 0;
    *identifier = event.data.u64;
    return 1;
}
static inline struct lws *cws_adopt_file(struct lws_vhost *vhost, int fd, const char *protocol) {
    lws_sock_file_fd_type descriptor;
    descriptor.filefd = fd;
    return lws_adopt_descriptor_vhost(vhost, LWS_ADOPT_RAW_FILE_DESC, descriptor, protocol, NULL);
}

// A connection of a listening socket that somebody else opened; negative when there is none.
static inline int cws_accept(int fd) {
    int accepted = accept(fd, NULL, NULL), one = 1;
    if (accepted < 0) return accepted;
    (void)fcntl(accepted, F_SETFL, O_NONBLOCK);
    (void)fcntl(accepted, F_SETFD, FD_CLOEXEC);
    (void)setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return accepted;
}
static inline int cws_is_listening(int fd) {
    int is_listening = 0;
    socklen_t length = sizeof is_listening;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &length) == 0 && is_listening;
}
// Waits never block, and no program started from here keeps it.
static inline int cws_prepare_listener(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}
// What the kernel keeps for a client that does not read is memory too: without this it grows to megabytes each.
static inline void cws_limit_send_buffer(int fd) {
    int size = 128 * 1024;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}
// Whether a certificate chain and a key can be read and belong together.
static inline int cws_certificate_fits(const char *chain, const char *key) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context) return 0;
    int fits = SSL_CTX_use_certificate_chain_file(context, chain) == 1
        && SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1 && SSL_CTX_check_private_key(context) == 1;
    SSL_CTX_free(context);
    ERR_clear_error();
    return fits;
}
static inline void cws_close(int fd) { (void)close(fd); }

// A loop over epoll for contexts with thousands of connections: libwebsockets' own asks about each at every turn.
struct cws_loop {
    struct ev_loop *loop;
    ev_timer timer;
};
static void cws_loop_expired(struct ev_loop *loop, ev_timer *timer, int events) { (void)loop; (void)timer; (void)events; }
static inline int cws_loop_create(struct cws_loop *self) {
    self->loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
    if (!self->loop) return 0;
    ev_timer_init(&self->timer, cws_loop_expired, 0., 0.);
    return 1;
}
// One turn: waits for something to happen, at most so many seconds when they are not negative.
static inline void cws_loop_turn(struct cws_loop *self, double seconds) {
    if (seconds == 0) {
        ev_run(self->loop, EVRUN_NOWAIT);
        return;
    }
    if (seconds > 0) {
        ev_now_update(self->loop);
        ev_timer_set(&self->timer, seconds, 0.);
        ev_timer_start(self->loop, &self->timer);
    }
    ev_run(self->loop, EVRUN_ONCE);
    ev_timer_stop(self->loop, &self->timer);
}
static inline void cws_loop_destroy(struct cws_loop *self) { ev_loop_destroy(self->loop); }
