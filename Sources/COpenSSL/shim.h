#pragma once

#include <sys/time.h>
#include <time.h>
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <openssl/ec.h>
#include <openssl/rand.h>
#include <openssl/hmac.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/srtp.h>

// OpenSSL's function-like macros and variadic functions, which Swift does not import.

static const uint64_t copenssl_dtls_options =
    SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION
    | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_SINGLE_ECDH_USE;

static inline int copenssl_ctx_set_min_proto_version(SSL_CTX *ctx, int version) {
    return (int)SSL_CTX_set_min_proto_version(ctx, version);
}
static inline int copenssl_ctx_set_max_proto_version(SSL_CTX *ctx, int version) {
    return (int)SSL_CTX_set_max_proto_version(ctx, version);
}
static inline int copenssl_ctx_set_groups_list(SSL_CTX *ctx, const char *list) {
    return (int)SSL_CTX_set1_groups_list(ctx, list);
}
static inline int copenssl_ctx_set_sigalgs_list(SSL_CTX *ctx, const char *list) {
    return (int)SSL_CTX_set1_sigalgs_list(ctx, list);
}
static inline void copenssl_ctx_disable_session_cache(SSL_CTX *ctx) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
}
static inline void copenssl_set_mtu(SSL *ssl, long mtu) { SSL_set_mtu(ssl, mtu); }
// Whether a retransmission timer runs; the remaining time goes to `remaining`.
static inline int copenssl_dtls_get_timeout(SSL *ssl, struct timeval *remaining) {
    return (int)DTLSv1_get_timeout(ssl, remaining);
}
static inline int copenssl_dtls_handle_timeout(SSL *ssl) { return (int)DTLSv1_handle_timeout(ssl); }
// The bytes a memory BIO holds, without taking them.
static inline long copenssl_mem_bio_peek(BIO *bio, char **bytes) { return BIO_get_mem_data(bio, bytes); }
// Forgets what a memory BIO holds.
static inline void copenssl_bio_reset(BIO *bio) { (void)BIO_reset(bio); }
static inline EVP_PKEY *copenssl_generate_p256(void) { return EVP_EC_gen("P-256"); }
static inline EVP_PKEY *copenssl_generate_rsa(size_t bits) { return EVP_RSA_gen(bits); }
static inline int copenssl_set_server_name(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}
// Buffers are given back between records: a connection that rests holds little.
static inline void copenssl_ctx_lean(SSL_CTX *ctx) {
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}
static inline int copenssl_chain_count(const STACK_OF(X509) *chain) { return sk_X509_num(chain); }
static inline X509 *copenssl_chain_entry(const STACK_OF(X509) *chain, int index) { return sk_X509_value(chain, index); }
// Seconds since 1970 of a certificate's time; 0 when it is none.
static inline int copenssl_time_seconds(const ASN1_TIME *time, int64_t *seconds) {
    struct tm parts;
    if (!time || ASN1_TIME_to_tm(time, &parts) != 1) return 0;
    *seconds = (int64_t)timegm(&parts);
    return 1;
}
// Of what a client offers by ALPN only http/1.1 is taken; one that offers others and not this is refused (RFC 7301 section 3.2).
static inline int copenssl_select_http11(
    SSL *ssl, const unsigned char **chosen, unsigned char *length, const unsigned char *offered, unsigned int count, void *unused) {
    static const unsigned char http11[] = "\x08http/1.1";
    (void)ssl; (void)unused;
    if (SSL_select_next_proto((unsigned char **)chosen, length, http11, sizeof http11 - 1, offered, count) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}
static inline void copenssl_ctx_serve_http(SSL_CTX *ctx) {
    static const unsigned char name[] = "kiosk";
    SSL_CTX_set_alpn_select_cb(ctx, copenssl_select_http11, NULL);
    SSL_CTX_set_session_id_context(ctx, name, sizeof name - 1);
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
}
