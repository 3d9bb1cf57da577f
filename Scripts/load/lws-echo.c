// lws-echo PORT: libwebsockets as its own examples use it, sending back each message. What the library itself costs.
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

struct session {
    unsigned char buffer[LWS_PRE + 4096];
    size_t length;
};

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *input, size_t length) {
    struct session *session = user;
    switch (reason) {
    case LWS_CALLBACK_RECEIVE:
        if (length > 4096) return -1;
        memcpy(session->buffer + LWS_PRE, input, length);
        session->length = length;
        lws_callback_on_writable(wsi);
        break;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        if (lws_write(wsi, session->buffer + LWS_PRE, session->length, LWS_WRITE_TEXT) < 0) return -1;
        break;
    default: break;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    lws_set_log_level(LLL_ERR, NULL);
    const struct lws_protocols protocols[] = {{"echo", callback, sizeof(struct session), 4096, 0, NULL, 0}, {NULL, NULL, 0, 0, 0, NULL, 0}};
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    info.port = atoi(argv[1]);
    info.iface = "127.0.0.1";
    info.protocols = protocols;
    struct lws_context *context = lws_create_context(&info);
    if (!context) return 1;
    while (lws_service(context, 0) >= 0) {}
    return 0;
}
