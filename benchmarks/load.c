/* N WebSocket clients in one process that check every line they get.
 *
 * Each line (line.h) carries the number of its file, its sequence number and when it was written.
 * For each client and file the numbers must come without hole, repeat or exchange; what does not
 * is counted, and how long each line was under way goes into a histogram.
 *
 *   load --port PORT --clients N --lines EACH [options]
 *     --path P         request target ("/ws"); %n becomes the client's number, %d its share
 *     --protocol raw   each text message is one or more lines (the default)
 *                tailws    the first line of a message is a JSON head
 *                socketio  engine.io 3 messages 42/NAMESPACE,["line","..."]
 *     --subscribe S    what each client says after the handshake; %d as in --path
 *     --await N        clients are ready after N `subscribed` heads each (tailws; 1)
 *     --first S        the sequence number of the first line (0)
 *     --step K         every K-th line only: those with seq % K == the client's share (1)
 *     --share S        the share of every client; otherwise client i has i % K
 *     --files N        lines come from N files, each with its own sequence (1)
 *     --size BYTES     length of a line with its newline; any other is counted as garbled (100)
 *     --deflate        offer permessage-deflate (RFC 7692)
 *     --stall S        after getting ready, read nothing for S seconds
 *     --slow KB        read at most so many kB a second in each client
 *     --patience S     give up when nothing came for so long (10)
 *     --hold           stay connected until standard input ends, whatever arrives
 *     --retry          the server may not listen yet: try to connect every millisecond
 *
 * Prints "ready" when all clients are subscribed, and one line of JSON at the end: when each
 * client has its --lines, or nothing came for --patience, or standard input ended. In it, `lost`
 * are holes before a later line, `unread` is what had not come at the end.
 */
#define _GNU_SOURCE
#include "line.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

enum { BUFFER = 24 << 20, EVENTS = 512, FINE = 64, BUCKETS = FINE * 48, MAX_HOLES = 4096 };
enum protocol { RAW, TAILWS, SOCKETIO };

/* What a client still misses from one file: numbers `from` up to, not including, `to`. */
struct hole {
    int64_t from, to;
};

struct track {
    int64_t next;
    struct hole *holes;
    int hole_count, hole_capacity;
};

struct client {
    int fd, number;
    enum { OPENING, READY, CLOSED } state;
    int subscribed;
    char *kept; /* bytes of a frame that is not whole yet */
    size_t kept_length, kept_room;
    char *message; /* fragments of a message that is not whole yet */
    size_t message_length;
    bool deflated;
    uint64_t lines;
    int64_t budget_at; /* --slow: when it may read again */
    struct track *tracks;
};

static struct {
    const char *path, *subscribe;
    enum protocol protocol;
    int port, clients, await, step, share, files, size;
    uint64_t lines;
    int64_t first;
    bool deflate, hold, retry;
    double stall, slow, patience;
} option = {.path = "/ws", .clients = 1, .await = 1, .step = 1, .share = -1, .files = 1, .size = 100, .patience = 10};

static struct {
    uint64_t lines, repeated, swapped, garbled, gaps, errors, messages, closed;
    int64_t wire, body, first_ns, last_ns, ready_ns;
    int ready, done, deflated;
} total;

static uint64_t histogram[BUCKETS];
static int64_t latency_max;
static struct client *clients;
static char *buffer, *inflated;
static z_stream inflater;
static int epoll;

/* Log-linear: 64 buckets for each power of two, so at most 1.6 % off. Unit: 1/8 us. */
static int bucket_of(int64_t ns) {
    uint64_t v = ns < 0 ? 0 : (uint64_t)ns / 125;
    if (v < 2 * FINE) return (int)v;
    int shift = 63 - __builtin_clzll(v) - 6;
    int b = FINE * shift + (int)(v >> shift);
    return b < BUCKETS ? b : BUCKETS - 1;
}

static double bucket_us(int b) {
    if (b < 2 * FINE) return b / 8.0;
    int shift = b / FINE - 1;
    return (double)((uint64_t)(b - FINE * shift) << shift) / 8.0;
}

static double percentile(double p) {
    uint64_t sum = 0, seen = 0;
    for (int b = 0; b < BUCKETS; b++) sum += histogram[b];
    for (int b = 0; b < BUCKETS; b++)
        if ((seen += histogram[b]) >= p * (double)sum && seen) return bucket_us(b);
    return 0;
}

static void add_hole(struct track *t, int64_t from, int64_t to) {
    if (t->hole_count == t->hole_capacity) {
        if (t->hole_capacity >= MAX_HOLES) return;
        t->hole_capacity = t->hole_capacity * 2 + 4;
        t->holes = realloc(t->holes, (size_t)t->hole_capacity * sizeof *t->holes);
    }
    t->holes[t->hole_count++] = (struct hole){from, to};
}

/* A number below the next one is an exchange when it was missing, else a repeat. */
static void came_late(struct track *t, int64_t seq) {
    for (int i = 0; i < t->hole_count; i++) {
        struct hole *h = &t->holes[i];
        if (seq < h->from || seq >= h->to) continue;
        int64_t to = h->to;
        h->to = seq;
        if (seq + option.step < to) add_hole(t, seq + option.step, to);
        total.swapped++;
        return;
    }
    total.repeated++;
}

static void take_line(struct client *c, const char *line, size_t length, int64_t now) {
    int64_t file, seq, written;
    if ((int)length != option.size - 1 || (file = get_digits(line + FILE_AT, FILE_DIGITS)) < 0 || file >= option.files ||
        (seq = get_digits(line + SEQ_AT, SEQ_DIGITS)) < 0 || (written = get_digits(line + TIME_AT, TIME_DIGITS)) < 0 ||
        line[length - 1] != end_mark((uint64_t)seq)) {
        if (total.garbled++ < 3) fprintf(stderr, "garbled: %.*s\n", (int)(length < 200 ? length : 200), line);
        return;
    }
    struct track *t = &c->tracks[file];
    if (seq == t->next) {
        t->next += option.step;
    } else if (seq > t->next) {
        add_hole(t, t->next, seq);
        t->next = seq + option.step;
    } else {
        came_late(t, seq);
    }
    if (now - written > latency_max) latency_max = now - written;
    histogram[bucket_of(now - written)]++;
    total.lines++;
    if (++c->lines == option.lines) total.done++;
}

static void take_lines(struct client *c, const char *at, size_t length, int64_t now) {
    const char *end = at + length;
    if (!total.first_ns) total.first_ns = now;
    total.last_ns = now;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline) newline = end;
        if (newline > at) take_line(c, at, (size_t)(newline - at), now);
        at = newline + 1;
    }
}

static void send_text(struct client *c, const char *text);

/* From here on a client only listens. A socket that has just answered is in TCP's interactive mode,
 * where its kernel acknowledges every second message from within the sender's send(2), which doubles
 * the sender's cost on loopback; one that has said nothing since the handshake acknowledges when it
 * reads. Whether a protocol begins with a command must not decide what a line costs: tcp(7). */
static void only_listen(struct client *c) {
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
}

static void is_ready(struct client *c) {
    if (c->state == READY) return;
    c->state = READY;
    only_listen(c);
    if (++total.ready < option.clients) return;
    total.ready_ns = now_ns();
    puts("ready");
    fflush(stdout);
}

static void take_message(struct client *c, char *data, size_t length, int64_t now) {
    total.messages++;
    total.body += (int64_t)length;
    if (option.protocol == RAW) {
        take_lines(c, data, length, now);
    } else if (option.protocol == TAILWS) {
        char *newline = memchr(data, '\n', length);
        size_t head = newline ? (size_t)(newline - data) : length;
        bool body = memmem(data, head, "\"type\":\"lines\"", 14) || memmem(data, head, "\"type\":\"history\"", 16);
        if (body && newline) take_lines(c, newline + 1, length - head - 1, now);
        else if (memmem(data, head, "\"type\":\"subscribed\"", 19) && ++c->subscribed == option.await) is_ready(c);
        else if (memmem(data, head, "\"type\":\"gap\"", 12) && total.gaps++ < 3) fprintf(stderr, "%.*s\n", (int)head, data);
        else if (memmem(data, head, "\"type\":\"error\"", 14) && total.errors++ < 3) fprintf(stderr, "%.*s\n", (int)head, data);
    } else { /* 0{...} handshake, 40 connected, 42/NAMESPACE,["line","..."] */
        if (length > 1 && data[0] == '4' && data[1] == '0' && option.subscribe && length > 3) is_ready(c);
        char *mark = length > 2 && data[1] == '2' ? memmem(data, length, "[\"line\",\"", 9) : NULL;
        if (mark && data + length > mark + 11) take_lines(c, mark + 9, (size_t)(data + length - mark - 11), now);
    }
}

static void inflate_message(struct client *c, char *data, size_t length, int64_t now) {
    static unsigned char tail[4] = {0, 0, 0xff, 0xff}; /* RFC 7692, 7.2.2 */
    inflateReset(&inflater);
    inflater.next_out = (unsigned char *)inflated;
    inflater.avail_out = BUFFER;
    for (int part = 0; part < 2; part++) {
        inflater.next_in = part ? tail : (unsigned char *)data;
        inflater.avail_in = part ? sizeof tail : (unsigned)length;
        int r = inflate(&inflater, Z_SYNC_FLUSH);
        if ((r != Z_OK && r != Z_BUF_ERROR) || inflater.avail_in) errx(1, "a message does not inflate: %d", r);
    }
    total.deflated++;
    take_message(c, inflated, BUFFER - inflater.avail_out, now);
}

/* RFC 6455, 5.3: a client masks; the key is zero, so the mask changes nothing. */
static void send_frame(struct client *c, int opcode, const char *data, size_t length) {
    unsigned char frame[4096 + 8] = {(unsigned char)(0x80 | opcode)};
    size_t at = 2;
    if (length > 4000) errx(2, "too long a message to send");
    if (length < 126) frame[1] = (unsigned char)(0x80 | length);
    else frame[1] = 0x80 | 126, frame[2] = (unsigned char)(length >> 8), frame[3] = (unsigned char)length, at = 4;
    memset(frame + at, 0, 4);
    memcpy(frame + at + 4, data, length);
    if (send(c->fd, frame, at + 4 + length, MSG_NOSIGNAL) < 0 && errno != EAGAIN && errno != EPIPE && errno != ECONNRESET) err(1, "send");
}

static void send_text(struct client *c, const char *text) { send_frame(c, 1, text, strlen(text)); }

static int share_of(const struct client *c) { return option.share >= 0 ? option.share : c->number % option.step; }

static void fill_in(const char *pattern, const struct client *c, char *out, size_t room) {
    size_t n = 0;
    for (const char *p = pattern; *p && n + 12 < room; p++) {
        if (p[0] == '%' && (p[1] == 'd' || p[1] == 'n')) n += (size_t)sprintf(out + n, "%d", *++p == 'n' ? c->number : share_of(c));
        else out[n++] = *p;
    }
    out[n] = 0;
}

static void close_client(struct client *c, const char *why) {
    if (c->state == CLOSED) return;
    if (total.closed++ < 3) fprintf(stderr, "client %d: closed: %s\n", c->number, why);
    if (c->lines < option.lines) total.done++;
    c->state = CLOSED;
    close(c->fd);
}

static void take_frame(struct client *c, int first, char *data, size_t length, int64_t now) {
    int opcode = first & 15;
    if (opcode == 9) send_frame(c, 10, data, length);
    if (opcode == 8) {
        char why[160];
        snprintf(why, sizeof why, "%d %.*s", length >= 2 ? (unsigned char)data[0] << 8 | (unsigned char)data[1] : 0,
                 length > 2 ? (int)length - 2 : 0, data + 2);
        close_client(c, why);
    }
    if (opcode >= 8) return;
    if (opcode) c->deflated = first & 0x40;
    if (opcode == 0 || !(first & 0x80)) {
        c->message = realloc(c->message, c->message_length + length);
        memcpy(c->message + c->message_length, data, length);
        c->message_length += length;
        if (!(first & 0x80)) return;
        data = c->message, length = c->message_length;
    }
    if (c->deflated) inflate_message(c, data, length, now);
    else take_message(c, data, length, now);
    c->message_length = 0;
}

/* All whole frames in [at, end); returns where the rest begins. */
static char *take_frames(struct client *c, char *at, char *end, int64_t now) {
    while (end - at >= 2 && c->state != CLOSED) {
        unsigned char *h = (unsigned char *)at;
        uint64_t length = h[1] & 127;
        int header = 2;
        if (length == 126) {
            if (end - at < 4) break;
            length = (uint64_t)h[2] << 8 | h[3], header = 4;
        } else if (length == 127) {
            if (end - at < 10) break;
            length = 0, header = 10;
            for (int i = 2; i < 10; i++) length = length << 8 | h[i];
        }
        if (h[1] & 128) errx(1, "a masked frame from the server");
        if (length > (uint64_t)(BUFFER - header)) errx(1, "a frame of %llu bytes", (unsigned long long)length);
        if ((uint64_t)(end - at) < length + (uint64_t)header) break;
        take_frame(c, h[0], at + header, length, now);
        at += header + length;
    }
    return at;
}

static char *take_answer(struct client *c, char *at, char *end) {
    char *blank = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
    if (!blank) return at;
    *blank = 0;
    if (strncmp(at, "HTTP/1.1 101", 12)) errx(1, "no upgrade: %.200s", at);
    if (!strstr(at, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")) errx(1, "wrong Sec-WebSocket-Accept: %s", at);
    total.wire = end - (blank + 4); /* what counts begins behind the last handshake */
    c->subscribed = 0;
    if (option.subscribe) {
        char text[4000];
        fill_in(option.subscribe, c, text, sizeof text);
        send_text(c, text);
    }
    if (option.protocol == RAW || (option.protocol == TAILWS && !option.await)) is_ready(c);
    return blank + 4;
}

static bool read_client(struct client *c) {
    size_t room = BUFFER - c->kept_length;
    if (option.slow > 0 && room > option.slow * 100) room = (size_t)(option.slow * 100); /* 0.1 s worth */
    memcpy(buffer, c->kept, c->kept_length);
    ssize_t n = recv(c->fd, buffer + c->kept_length, room, MSG_DONTWAIT);
    int64_t now = now_ns();
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (n <= 0) {
        close_client(c, n ? strerror(errno) : "end of stream");
        return true;
    }
    total.wire += n;
    char *at = buffer, *end = buffer + c->kept_length + n;
    if (c->state == OPENING && c->subscribed < 0) at = take_answer(c, at, end);
    if (c->subscribed >= 0) at = take_frames(c, at, end, now);
    c->kept_length = (size_t)(end - at);
    if (c->kept_length > c->kept_room) c->kept = realloc(c->kept, c->kept_room = c->kept_length * 2);
    if (c->kept_length) memcpy(c->kept, at, c->kept_length);
    return true;
}

static void listen_to(struct client *c, int operation, uint32_t events) {
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(epoll, operation, c->fd, &e)) err(1, "epoll_ctl");
}

static void connect_client(struct client *c, int number) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)option.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->number = number;
    c->subscribed = -1; /* the handshake is not answered yet */
    c->tracks = calloc((size_t)option.files, sizeof *c->tracks);
    for (int f = 0; f < option.files; f++) c->tracks[f].next = option.first + share_of(c);
    for (;;) {
        if ((c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0) err(1, "socket");
        if (!connect(c->fd, (struct sockaddr *)&address, sizeof address)) break;
        if (!option.retry) err(1, "connect");
        close(c->fd);
        usleep(1000);
    }
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    char path[2048], request[4096];
    fill_in(option.path, c, path, sizeof path);
    int n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n", path, option.port,
                     option.deflate ? "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                                      "client_no_context_takeover\r\n" : "");
    if (send(c->fd, request, (size_t)n, MSG_NOSIGNAL) != n) err(1, "handshake");
    listen_to(c, EPOLL_CTL_ADD, EPOLLIN);
}

static void turn(int timeout_ms) {
    struct epoll_event events[EVENTS];
    int n = epoll_wait(epoll, events, EVENTS, timeout_ms);
    int64_t now = option.slow > 0 ? now_ns() : 0;
    for (int i = 0; i < n; i++) {
        struct client *c = events[i].data.ptr;
        if (!c || c->state == CLOSED) continue;
        if (option.slow > 0 && c->state == READY) {
            if (now < c->budget_at) continue;
            c->budget_at = now + 100000000;
        }
        read_client(c);
    }
    if (option.slow > 0) usleep(2000);
}

static bool stdin_ended(void) {
    struct pollfd p = {.fd = 0, .events = POLLIN};
    char scrap[64];
    return poll(&p, 1, 0) > 0 && read(0, scrap, sizeof scrap) <= 0;
}

static void report(void) {
    int64_t lost = 0, unread = 0;
    for (int i = 0; i < option.clients; i++) {
        uint64_t holes = 0;
        for (int f = 0; f < option.files; f++)
            for (int h = 0; h < clients[i].tracks[f].hole_count; h++) {
                struct hole *o = &clients[i].tracks[f].holes[h];
                holes += (uint64_t)((o->to - o->from + option.step - 1) / option.step);
            }
        lost += (int64_t)holes;
        if (clients[i].lines + holes < option.lines) unread += (int64_t)(option.lines - clients[i].lines - holes);
    }
    printf("{\"clients\": %d, \"lines\": %llu, \"lost\": %lld, \"unread\": %lld, \"repeated\": %llu, \"swapped\": %llu, \"garbled\": %llu, "
           "\"gaps\": %llu, \"errors\": %llu, \"closed\": %llu, \"messages\": %llu, \"deflated\": %d, \"wire\": %lld, \"body\": %lld, "
           "\"ready_ns\": %lld, \"first_ns\": %lld, \"last_ns\": %lld, "
           "\"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n",
           option.clients, (unsigned long long)total.lines, (long long)lost, (long long)unread, (unsigned long long)total.repeated,
           (unsigned long long)total.swapped, (unsigned long long)total.garbled, (unsigned long long)total.gaps,
           (unsigned long long)total.errors, (unsigned long long)total.closed, (unsigned long long)total.messages, total.deflated,
           (long long)total.wire, (long long)total.body, (long long)total.ready_ns, (long long)total.first_ns, (long long)total.last_ns,
           percentile(.5), percentile(.9), percentile(.99), (double)latency_max / 1e3);
}

int main(int argc, char **argv) {
    static const struct option OPTIONS[] = {
        {"port", 1, 0, 'p'}, {"clients", 1, 0, 'c'}, {"lines", 1, 0, 'n'}, {"path", 1, 0, 'u'}, {"protocol", 1, 0, 'P'},
        {"subscribe", 1, 0, 's'}, {"await", 1, 0, 'a'}, {"first", 1, 0, 'f'}, {"step", 1, 0, 'k'}, {"share", 1, 0, 'H'}, {"files", 1, 0, 'F'},
        {"size", 1, 0, 'z'}, {"deflate", 0, 0, 'd'}, {"stall", 1, 0, 'S'}, {"slow", 1, 0, 'w'}, {"patience", 1, 0, 't'},
        {"hold", 0, 0, 'h'}, {"retry", 0, 0, 'r'}, {0, 0, 0, 0}};
    for (int o; (o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) switch (o) {
        case 'p': option.port = atoi(optarg); break;
        case 'c': option.clients = atoi(optarg); break;
        case 'n': option.lines = strtoull(optarg, NULL, 10); break;
        case 'u': option.path = optarg; break;
        case 'P': option.protocol = !strcmp(optarg, "tailws") ? TAILWS : !strcmp(optarg, "socketio") ? SOCKETIO : RAW; break;
        case 's': option.subscribe = optarg; break;
        case 'a': option.await = atoi(optarg); break;
        case 'f': option.first = atoll(optarg); break;
        case 'k': option.step = atoi(optarg); break;
        case 'H': option.share = atoi(optarg); break;
        case 'F': option.files = atoi(optarg); break;
        case 'z': option.size = atoi(optarg); break;
        case 'd': option.deflate = true; break;
        case 'S': option.stall = atof(optarg); break;
        case 'w': option.slow = atof(optarg); break;
        case 't': option.patience = atof(optarg); break;
        case 'h': option.hold = true; break;
        case 'r': option.retry = true; break;
        default: return 2;
        }
    if (!option.port || option.clients < 1 || option.step < 1 || option.files < 1) errx(2, "bad arguments");
    signal(SIGPIPE, SIG_IGN);
    buffer = malloc(BUFFER);
    inflated = malloc(BUFFER);
    if (inflateInit2(&inflater, -15) != Z_OK) errx(1, "zlib");
    clients = calloc((size_t)option.clients, sizeof *clients);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < option.clients; i++) {
        connect_client(&clients[i], i);
        if (i % 64 == 63) turn(0);
    }
    int64_t patience_ns = (int64_t)(option.patience * 1e9), began = now_ns();
    while (total.ready < option.clients) {
        turn(100);
        if (total.closed || now_ns() - began > 30000000000) errx(1, "%d of %d clients got ready", total.ready, option.clients);
    }
    if (option.stall > 0) {
        for (int64_t until = now_ns() + (int64_t)(option.stall * 1e9); now_ns() < until && !stdin_ended();) usleep(50000);
    }
    int64_t checked = now_ns(), alive = checked;
    uint64_t seen = total.lines;
    while (option.hold || total.done < option.clients) {
        turn(50);
        int64_t now = now_ns();
        if (now - checked < 100000000) continue;
        checked = now;
        if (stdin_ended()) break;
        if (seen != total.lines) seen = total.lines, alive = now;
        else if (!option.hold && now - alive > patience_ns) break;
    }
    report();
    return 0;
}
