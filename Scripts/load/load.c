// load crowd PROTOCOL HOST PORT COUNT [TOKENS]   keeps COUNT connections until standard input ends
// load forward PROTOCOL HOST PORT COUNT PID [TOKENS]   sends COUNT messages one after the other, measures the server PID
//
// The load program of Scripts/bench-signaling: raw WebSockets over epoll, so cheap that ten thousand of them leave the machine to the
// server. PROTOCOL says what the other end is:
//   raw    a bare WebSocket echo: what is sent comes back on the same connection
//   echo   Socket.IO with `join` and `msg` (socketio-echo, python-socketio): from one connection through a room to another
//   kiosk  kiosk-signaling; TOKENS has an access token a line, the first a monitor's, the second KIOSK_00000's, … A crowd registers as
//          kiosks and sends a heartbeat every 30 s; a message is a candidate from the monitor to the kiosk.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum protocol { RAW, ECHO, KIOSK };
enum phase { UPGRADING, OPENING, CONNECTING, REGISTERING, READY, GONE };

struct connection {
    int fd;
    enum phase phase;
    const char *token;
    const char *role;
    size_t used, size;
    char *buffer;
    double heartbeat;
};

static enum protocol protocol;
static struct sockaddr_in server;
static const char *host;
static int poller;
static long ready_count, lost_count, heartbeat_count;
// What a measurement waits for: a text that begins so, on this connection.
static struct connection *awaited;
static const char *awaited_prefix;
static bool has_arrived;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void fail(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void write_all(struct connection *c, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t done = send(c->fd, bytes, count, MSG_NOSIGNAL);
        if (done < 0 && errno == EAGAIN) { usleep(100); continue; }
        if (done <= 0) return;
        bytes += done;
        count -= (size_t)done;
    }
}

static void send_text(struct connection *c, const char *text) {
    size_t length = strlen(text), head = 2;
    char frame[8192];
    if (length + 8 > sizeof frame) fail("message too long");
    frame[0] = (char)0x81;
    if (length < 126) frame[1] = (char)(0x80 | length);
    else {
        frame[1] = (char)(0x80 | 126);
        frame[2] = (char)(length >> 8);
        frame[3] = (char)length;
        head = 4;
    }
    memset(frame + head, 0, 4);  // A mask of zeros changes nothing.
    memcpy(frame + head + 4, text, length);
    write_all(c, frame, head + 4 + length);
}

static void begin(struct connection *c) {
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0) fail("socket");
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) != 0) fail("connect");
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->phase = UPGRADING;
    char request[512];
    snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        protocol == RAW ? "/" : "/socket.io/?EIO=4&transport=websocket", host);
    write_all(c, request, strlen(request));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
}

static void set_ready(struct connection *c) {
    c->phase = READY;
    ready_count++;
}

static bool begins(const char *text, size_t length, const char *prefix) {
    size_t count = strlen(prefix);
    return length >= count && memcmp(text, prefix, count) == 0;
}

static void heard(struct connection *c, const char *text, size_t length) {
    if (c == awaited && begins(text, length, awaited_prefix)) has_arrived = true;
    if (length == 1 && text[0] == '2' && protocol != RAW) return send_text(c, "3");
    switch (c->phase) {
    case OPENING:
        if (text[0] != '0') break;
        c->phase = CONNECTING;
        if (protocol == KIOSK) {
            char packet[4096];
            snprintf(packet, sizeof packet, "40{\"token\":\"%s\"}", c->token);
            send_text(c, packet);
        } else send_text(c, "40");
        break;
    case CONNECTING:
        if (begins(text, length, "44")) { fprintf(stderr, "load: refused: %.*s\n", (int)length, text); exit(1); }
        if (!begins(text, length, "40")) break;
        if (protocol == ECHO) { set_ready(c); break; }
        c->phase = REGISTERING;
        send_text(c, c->role[0] == 'k' ? "421[\"register-kiosk\",{\"version\":\"1\"}]" : "421[\"register-monitor\"]");
        break;
    case REGISTERING:
        if (begins(text, length, "431[{\"ok\":true")) set_ready(c);
        break;
    default: break;
    }
}

static void lose(struct connection *c) {
    if (c->phase == GONE) return;
    if (c->phase == READY) ready_count--;
    c->phase = GONE;
    lost_count++;
    close(c->fd);
}

static void readable(struct connection *c) {
    for (;;) {
        if (c->size - c->used < 2048) c->buffer = realloc(c->buffer, c->size = c->size ? c->size * 2 : 4096);
        ssize_t count = recv(c->fd, c->buffer + c->used, c->size - c->used, 0);
        if (count == 0 || (count < 0 && errno != EAGAIN)) return lose(c);
        if (count < 0) break;
        c->used += (size_t)count;
    }
    size_t start = 0;
    if (c->phase == UPGRADING) {
        char *end = memmem(c->buffer, c->used, "\r\n\r\n", 4);
        if (!end) return;
        if (!begins(c->buffer, c->used, "HTTP/1.1 101")) {
            fprintf(stderr, "load: no upgrade: %.60s\n", c->buffer);
            exit(1);
        }
        start = (size_t)(end + 4 - c->buffer);
        c->phase = OPENING;
        if (protocol == RAW) set_ready(c);
    }
    while (c->used - start >= 2) {
        const uint8_t *frame = (const uint8_t *)c->buffer + start;
        size_t length = frame[1] & 0x7F, head = 2;
        if (length == 126) {
            if (c->used - start < 4) break;
            length = (size_t)frame[2] << 8 | frame[3];
            head = 4;
        } else if (length == 127) {
            if (c->used - start < 10) break;
            length = 0;
            for (int i = 2; i < 10; i++) length = length << 8 | frame[i];
            head = 10;
        }
        if (c->used - start < head + length) break;
        if ((frame[0] & 0x0F) == 8) return lose(c);
        if ((frame[0] & 0x0F) == 1) heard(c, (const char *)frame + head, length);
        if (c->phase == GONE) return;
        start += head + length;
    }
    memmove(c->buffer, c->buffer + start, c->used - start);
    c->used -= start;
    if (c->used == 0) { free(c->buffer); c->buffer = NULL; c->size = 0; }
}

static void turn(int milliseconds) {
    struct epoll_event events[256];
    int count = epoll_wait(poller, events, 256, milliseconds);
    for (int i = 0; i < count; i++) {
        struct connection *c = events[i].data.ptr;
        if (c) readable(c);
    }
}

static char **read_tokens(const char *path, int count) {
    FILE *file = fopen(path, "r");
    if (!file) fail(path);
    char **tokens = calloc((size_t)count, sizeof *tokens);
    for (int i = 0; i < count; i++) {
        size_t size = 0;
        ssize_t length = getline(&tokens[i], &size, file);
        if (length <= 0) fail("too few tokens");
        tokens[i][strcspn(tokens[i], "\n")] = 0;
    }
    fclose(file);
    return tokens;
}

static void crowd(int count, char **tokens) {
    struct connection *all = calloc((size_t)count, sizeof *all);
    double began = now();
    for (int i = 0; i < count; i++) {
        // As many at a time as a backlog takes.
        while (i - (ready_count + lost_count) >= 200) turn(10);
        all[i].role = "kiosk";
        all[i].token = tokens ? tokens[i + 2] : NULL;
        begin(&all[i]);
        turn(0);
    }
    while (ready_count + lost_count < count) turn(10);
    // Heartbeats evenly over their 30 seconds.
    for (int i = 0; i < count; i++) all[i].heartbeat = now() + 30.0 * i / count;
    printf("ready %ld in %.1f s\n", ready_count, now() - began);
    fflush(stdout);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    int next = 0;
    for (;;) {
        turn(5);
        char byte;
        if (read(STDIN_FILENO, &byte, 1) == 0) break;
        if (protocol != KIOSK) continue;
        double time = now();
        while (all[next].heartbeat <= time) {
            if (all[next].phase == READY) {
                send_text(&all[next], "421[\"heartbeat-ping\",{\"status\":{\"camera\":\"ok\",\"live\":false}}]");
                heartbeat_count++;
            }
            all[next].heartbeat += 30;
            next = (next + 1) % count;
        }
    }
    printf("left %ld, lost %ld, heartbeats %ld\n", ready_count, lost_count, heartbeat_count);
}

// Nanoseconds that all threads of a process have run.
static uint64_t cpu_of(const char *pid) {
    char path[128];
    snprintf(path, sizeof path, "/proc/%s/task", pid);
    DIR *tasks = opendir(path);
    if (!tasks) fail(path);
    uint64_t sum = 0;
    for (struct dirent *entry; (entry = readdir(tasks));) {
        if (entry->d_name[0] == '.') continue;
        char file[512];
        snprintf(file, sizeof file, "/proc/%s/task/%s/schedstat", pid, entry->d_name);
        FILE *stat = fopen(file, "r");
        unsigned long long spent = 0;
        if (stat && fscanf(stat, "%llu", &spent) == 1) sum += spent;
        if (stat) fclose(stat);
    }
    closedir(tasks);
    return sum;
}

static void await_text(struct connection *c, const char *prefix) {
    awaited = c;
    awaited_prefix = prefix;
    has_arrived = false;
}

static void wait_arrived(void) {
    double end = now() + 10;
    while (!has_arrived) {
        turn(1000);
        if (now() > end || lost_count > 0) { fprintf(stderr, "load: waited for %s in vain\n", awaited_prefix); exit(1); }
    }
}

static void call(struct connection *c, const char *text, const char *answer) {
    await_text(c, answer);
    send_text(c, text);
    wait_arrived();
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static void forward(int count, const char *pid, char **tokens) {
    struct connection pair[2] = {{.role = "monitor", .token = tokens ? tokens[0] : NULL}, {.role = "kiosk", .token = tokens ? tokens[1] : NULL}};
    int needed = protocol == RAW ? 1 : 2;
    for (int i = needed - 1; i >= 0; i--) {
        begin(&pair[i]);
        double end = now() + 10;
        while (ready_count < needed - i && now() < end) turn(10);
        if (ready_count < needed - i) fail("not let in");
    }
    struct connection *sender = &pair[0], *receiver = &pair[needed - 1];
    char filler[512], text[1024];
    memset(filler, 'x', sizeof filler);
    // How what arrives begins.
    const char *beginning;
    int pad;
    switch (protocol) {
    case RAW:
        pad = 300;
        snprintf(text, sizeof text, "%.*s", pad, filler);
        beginning = text;
        break;
    case ECHO:
        call(receiver, "420[\"join\",\"room\"]", "430");
        pad = 300 - (int)strlen("42[\"msg\",{\"to\":\"room\",\"candidate\":\"\"}]");
        snprintf(text, sizeof text, "42[\"msg\",{\"to\":\"room\",\"candidate\":\"%.*s\"}]", pad, filler);
        beginning = "42[\"msg\"";
        break;
    default:
        call(sender, "422[\"start-monitoring\",{\"kioskId\":\"KIOSK_00000\"}]", "432[{\"ok\":true");
        pad = 300 - (int)strlen("42[\"ice-candidate\",{\"targetId\":\"KIOSK_00000\",\"candidate\":{\"candidate\":\"\",\"sdpMid\":\"0\",\"sdpMLineIndex\":0}}]");
        snprintf(text, sizeof text, "42[\"ice-candidate\",{\"targetId\":\"KIOSK_00000\",\"candidate\":{\"candidate\":\"%.*s\",\"sdpMid\":\"0\",\"sdpMLineIndex\":0}}]", pad, filler);
        beginning = "42[\"ice-candidate\"";
    }
    const int warming = 300;
    double *times = calloc((size_t)count, sizeof *times);
    uint64_t before = 0;
    for (int i = 0; i < count + warming; i++) {
        if (i == warming) before = cpu_of(pid);
        double began = now();
        await_text(receiver, beginning);
        send_text(sender, text);
        wait_arrived();
        if (i >= warming) times[i - warming] = now() - began;
    }
    double spent = (double)(cpu_of(pid) - before) / count / 1000;
    qsort(times, (size_t)count, sizeof *times, compare);
    printf("{\"messages\":%d,\"cpu_us\":%.1f,\"median_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n", count, spent, times[count / 2] * 1e3,
        times[(int)(count * 0.99)] * 1e3, times[count - 1] * 1e3);
}

int main(int argc, char **argv) {
    if (argc < 6) {
        fprintf(stderr, "usage: load crowd|forward raw|echo|kiosk HOST PORT COUNT [PID] [TOKENS]\n");
        return 2;
    }
    bool is_forward = strcmp(argv[1], "forward") == 0;
    protocol = strcmp(argv[2], "raw") == 0 ? RAW : strcmp(argv[2], "echo") == 0 ? ECHO : KIOSK;
    host = argv[3];
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[4]))};
    if (inet_pton(AF_INET, host, &server.sin_addr) != 1) fail("host");
    int count = atoi(argv[5]);
    poller = epoll_create1(EPOLL_CLOEXEC);
    int tokens_at = is_forward ? 7 : 6;
    char **tokens = argc > tokens_at ? read_tokens(argv[tokens_at], is_forward ? 2 : count + 2) : NULL;
    if (is_forward) forward(count, argv[6], tokens);
    else crowd(count, tokens);
    return 0;
}
