/* The floor: the least that any server must do to bring a growing file to N WebSocket clients.
 *
 * epoll, inotify, one read(2) of what is new, one frame header (RFC 6455, 5.2), one send(2) for
 * each client; nothing is parsed, checked, named, filtered or logged. It drops nothing either:
 * a client whose socket is full keeps an offset, and is served from the file when it has room.
 *
 *   floor --path FILE --port PORT [--window MS] [--poll MS] [--block BYTES]
 *
 * --window is the coalescing window: the first lines after silence go at once, then at most one
 * batch in a window. --poll looks at the file's size every so often instead of using inotify.
 * "GET /?from=start" starts at the beginning of the file, any other path at its end.
 */
#define _GNU_SOURCE
#include "line.h"
#include "sha1.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { HEADER = 10, EVENTS = 256, REQUEST = 2048, ROUNDS = 8 };

/* `at` is where the client's next frame begins in the file. Of a frame that went out in part,
 * `length` body bytes are known to belong to it and `sent` bytes (header too) are away. */
struct client {
    int fd, index;
    struct client *next_gone;
    bool open, blocked;
    int64_t at;
    size_t length, sent;
    char request[REQUEST];
    size_t got;
};

static int file, epoll, inotify = -1, timer, listener;
static int64_t live, last_batch, window_ns, poll_ns;
static size_t block_size = 128 * 1024;
static char *buffer; /* HEADER bytes of room, then one block */
static struct client **clients, *gone; /* gone: freed at the end of the turn, events may name them */
static int count, capacity;

/* RFC 6455, 5.2: an unmasked, final text frame. Returns where the header begins. */
static char *put_header(size_t length) {
    unsigned char *h = (unsigned char *)buffer;
    if (length < 126) {
        h += HEADER - 2;
        h[1] = (unsigned char)length;
    } else if (length < 65536) {
        h += HEADER - 4;
        h[1] = 126, h[2] = (unsigned char)(length >> 8), h[3] = (unsigned char)length;
    } else {
        h[1] = 127;
        for (int i = 0; i < 8; i++) h[2 + i] = (unsigned char)(length >> (56 - 8 * i));
    }
    h[0] = 0x81;
    return (char *)h;
}

static bool was_full; /* the last read took all that it could: there may be more */

/* Read whole lines at `at` into the buffer; 0 when there is no whole line. */
static size_t read_block(int64_t at, size_t limit) {
    ssize_t n = pread(file, buffer + HEADER, limit, at);
    was_full = n == (ssize_t)limit;
    if (n <= 0) return 0;
    char *newline = memrchr(buffer + HEADER, '\n', (size_t)n);
    return newline ? (size_t)(newline + 1 - (buffer + HEADER)) : 0;
}

static void drop(struct client *c) {
    if (c->fd < 0) return;
    close(c->fd);
    c->fd = -1;
    struct client *last = clients[--count];
    clients[c->index] = last;
    last->index = c->index;
    c->next_gone = gone;
    gone = c;
}

static void want_room(struct client *c, bool want) {
    if (c->blocked == want || c->fd < 0) return;
    c->blocked = want;
    struct epoll_event e = {.events = EPOLLIN | (want ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &e);
}

static bool again; /* a client has reached the live end: go on with what is behind it */

/* Send the frame that stands in the buffer from byte `sent` on. */
static bool push(struct client *c, const char *frame, size_t length, size_t body) {
    ssize_t n = send(c->fd, frame + c->sent, length - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN) return false;
    if (n > 0) c->sent += (size_t)n;
    if (c->sent == length) {
        c->at += (int64_t)body;
        c->sent = c->length = 0;
        return true;
    }
    c->length = body;
    want_room(c, true);
    return true;
}

/* A client that is behind: its owed frame again from the file, then the next ones. */
static void catch_up(struct client *c) {
    for (int i = 0; i < ROUNDS; i++) {
        size_t body = c->length ? read_block(c->at, c->length) : read_block(c->at, block_size);
        if (!body) {
            want_room(c, false);
            return;
        }
        char *frame = put_header(body);
        if (!push(c, frame, (size_t)(buffer + HEADER - frame) + body, body)) {
            drop(c);
            return;
        }
        if (c->length) return;
        if (c->at > live) live = c->at;
        if (c->at == live) {
            want_room(c, false);
            again = true;
            return;
        }
    }
    want_room(c, true); /* the others' turn: level-triggered EPOLLOUT brings us back */
}

/* What is new, framed once, to everyone who is live; ends when nobody is, or at the file's end: of
 * what is written after our read there will be an event, and the window has time to gather it. */
static void broadcast(void) {
    for (bool taken = true; taken;) {
        size_t body = read_block(live, block_size);
        if (!body) return;
        taken = false;
        char *frame = put_header(body);
        size_t length = (size_t)(buffer + HEADER - frame) + body;
        int64_t from = live;
        bool more = was_full;
        live += (int64_t)body;
        for (int i = count - 1; i >= 0; i--) {
            struct client *c = clients[i];
            if (!c->open || c->at != from || c->length) {
                if (c->open && !c->blocked) want_room(c, true);
                continue;
            }
            if (!push(c, frame, length, body)) drop(c);
            else if (!c->length) taken = more;
        }
        last_batch = now_ns();
    }
}

static void arm(int64_t at_ns, int64_t every_ns) {
    struct itimerspec t = {{every_ns / 1000000000, every_ns % 1000000000}, {at_ns / 1000000000, at_ns % 1000000000}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &t, NULL);
}

static void listen_to_file(bool on) {
    struct epoll_event e = {.events = on ? EPOLLIN : 0, .data.ptr = &inotify};
    epoll_ctl(epoll, EPOLL_CTL_MOD, inotify, &e);
}

static void on_change(void) {
    char events[4096];
    while (read(inotify, events, sizeof events) > 0) {}
    if (now_ns() < last_batch + window_ns) { /* inside the window: stop listening until it ends */
        listen_to_file(false);
        arm(last_batch + window_ns, 0);
        return;
    }
    broadcast();
}

static void on_timer(void) {
    uint64_t ticks;
    if (read(timer, &ticks, sizeof ticks) < 0) return;
    if (!poll_ns) {
        char events[4096];
        while (read(inotify, events, sizeof events) > 0) {}
        listen_to_file(true);
    }
    broadcast();
}

static void on_accept(void) {
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct client *c = calloc(1, sizeof *c);
        if (count == capacity) clients = realloc(clients, (size_t)(capacity = capacity * 2 + 64) * sizeof *clients);
        c->fd = fd;
        c->index = count;
        clients[count++] = c;
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
    }
}

/* RFC 6455, 4.2.2. What a client says after the handshake is thrown away. */
static void on_client(struct client *c, uint32_t events) {
    if (c->fd < 0) return;
    if (events & EPOLLIN) {
        size_t room = c->open ? REQUEST - 1 : REQUEST - 1 - c->got;
        ssize_t n = recv(c->fd, c->request + (c->open ? 0 : c->got), room, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            drop(c);
            return;
        }
        if (!c->open && n > 0) {
            c->got += (size_t)n;
            c->request[c->got] = 0;
            if (strstr(c->request, "\r\n\r\n")) {
                char *key = strcasestr(c->request, "sec-websocket-key:"), accept[32], answer[256];
                if (!key) {
                    drop(c);
                    return;
                }
                key += strlen("sec-websocket-key:");
                key += strspn(key, " ");
                websocket_accept(key, strcspn(key, " \r"), accept);
                int length = snprintf(answer, sizeof answer,
                                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                      "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
                send(c->fd, answer, (size_t)length, MSG_NOSIGNAL);
                c->open = true;
                if (strncmp(c->request, "GET /?from=start", 16) == 0) catch_up(c);
                else c->at = live;
                return;
            }
        }
    }
    if (events & EPOLLOUT) catch_up(c);
}

int main(int argc, char **argv) {
    static const struct option OPTIONS[] = {{"path", 1, 0, 'f'}, {"port", 1, 0, 'p'}, {"window", 1, 0, 'w'},
                                            {"poll", 1, 0, 'l'}, {"block", 1, 0, 'b'}, {0, 0, 0, 0}};
    const char *path = NULL;
    int port = 0;
    for (int o; (o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) switch (o) {
        case 'f': path = optarg; break;
        case 'p': port = atoi(optarg); break;
        case 'w': window_ns = (int64_t)(atof(optarg) * 1e6); break;
        case 'l': poll_ns = (int64_t)(atof(optarg) * 1e6); break;
        case 'b': block_size = strtoull(optarg, NULL, 10); break;
        default: return 2;
        }
    if (!path || !port) errx(2, "usage: floor --path FILE --port PORT [--window MS] [--poll MS]");
    signal(SIGPIPE, SIG_IGN);
    buffer = malloc(HEADER + block_size);
    if ((file = open(path, O_RDONLY | O_CLOEXEC)) < 0) err(1, "%s", path);
    struct stat s;
    fstat(file, &s);
    live = s.st_size;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) err(1, "port %d", port);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
    e.data.ptr = &timer;
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &e);
    if (poll_ns) {
        arm(now_ns(), poll_ns);
    } else {
        inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (inotify_add_watch(inotify, path, IN_MODIFY) < 0) err(1, "inotify");
        e.data.ptr = &inotify;
        epoll_ctl(epoll, EPOLL_CTL_ADD, inotify, &e);
    }
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            void *who = events[i].data.ptr;
            if (who == &listener) on_accept();
            else if (who == &inotify) on_change();
            else if (who == &timer) on_timer();
            else on_client(who, events[i].events);
        }
        if (again) again = false, broadcast();
        for (struct client *c; (c = gone); free(c)) gone = c->next_gone;
    }
}
