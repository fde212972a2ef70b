/* Append numbered, dated lines (line.h) to one file or many, at a rate or as fast as write(2) goes.
 *
 *   writer --path FILE|DIR [--files N] [--size BYTES] [--rate LINES/S] [--lines N] [--first SEQ]
 *
 * With a rate, every line is one write(2), as a logging application does it; it sleeps at most 2,000
 * times a second, and writes what is due when it wakes: a sleep between any two of 50,000 lines would
 * take two thirds of a core, which those have to do without that are measured. Without a rate, lines
 * go out in blocks of 64 KiB. With --files above 1, --path is a directory; line k goes to file
 * k % N, DIR/fNNNNN.log. Prints one line of JSON when all is written.
 */
#define _GNU_SOURCE
#include "line.h"

#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { TEXTS = 64, BLOCK = 64 * 1024, SIZE_MAX_ = 4096, REST_NS = 500000 };

static const char *path;
static int files = 1, size = 100;
static double rate;
static uint64_t lines = 1000, first;
static char texts[TEXTS][SIZE_MAX_];

static const char *const WORDS[] = {
    "GET", "POST", "/api/v2/items", "/index.html", "/static/app.js", "200", "304", "404", "503",
    "user", "session", "timeout", "retry", "connected", "closed", "upstream", "cache", "hit",
    "miss", "queue", "worker", "INFO", "WARN", "ERROR", "request", "response", "bytes", "duration",
};

/* Words with a random number between them: about what a web server's log compresses like. */
static void make_texts(void) {
    uint64_t random = 88172645463325252ULL;
    for (int t = 0; t < TEXTS; t++) {
        int at = 0;
        while (at < size) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            const char *word = WORDS[random % (sizeof WORDS / sizeof *WORDS)];
            at += snprintf(texts[t] + at, (size_t)(SIZE_MAX_ - at), "%s ", word);
            if (random >> 62 == 0 && at < size)
                at += snprintf(texts[t] + at, (size_t)(SIZE_MAX_ - at), "id=%08x ", (unsigned)(random >> 20));
        }
    }
}

static void make_line(char *at, uint64_t file, uint64_t seq, int64_t now) {
    put_digits(at + FILE_AT, FILE_DIGITS, file);
    at[SEQ_AT - 1] = ' ';
    put_digits(at + SEQ_AT, SEQ_DIGITS, seq);
    at[TIME_AT - 1] = ' ';
    put_digits(at + TIME_AT, TIME_DIGITS, (uint64_t)now);
    memcpy(at + TIME_AT + TIME_DIGITS, " tag=", 5);
    at[TAG_AT] = (char)('0' + seq % 10);
    at[TAG_AT + 1] = ' ';
    memcpy(at + TEXT_AT, texts[seq % TEXTS], (size_t)(size - TEXT_AT - 2));
    at[size - 2] = end_mark(seq);
    at[size - 1] = '\n';
}

static void write_all(int fd, const char *data, size_t length) {
    while (length) {
        ssize_t n = write(fd, data, length);
        if (n < 0) err(1, "write");
        data += n;
        length -= (size_t)n;
    }
}

static void write_at_rate(const int *fds) {
    char line[SIZE_MAX_];
    prctl(PR_SET_TIMERSLACK, 1);
    int64_t start = now_ns(), rested = start;
    for (uint64_t k = 0; k < lines; k++) {
        int64_t due = start + (int64_t)((double)k * 1e9 / rate), now = now_ns();
        if (due > now) {
            int64_t at = due > rested + REST_NS ? due : rested + REST_NS;
            struct timespec until = {at / 1000000000, at % 1000000000};
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
            rested = now = now_ns();
        }
        int file = (int)(k % (unsigned)files);
        make_line(line, (unsigned)file, first + k / (unsigned)files, now);
        write_all(fds[file], line, (size_t)size);
    }
}

static void write_flat_out(const int *fds) {
    static char block[BLOCK];
    int per_block = BLOCK / size;
    uint64_t k = 0;
    while (k < lines) {
        int64_t now = now_ns();
        int n = 0;
        for (; n < per_block && k < lines; n++, k++) make_line(block + n * size, 0, first + k, now);
        write_all(fds[0], block, (size_t)n * (size_t)size);
    }
}

int main(int argc, char **argv) {
    static const struct option OPTIONS[] = {
        {"path", 1, 0, 'p'}, {"files", 1, 0, 'f'}, {"size", 1, 0, 's'}, {"rate", 1, 0, 'r'},
        {"lines", 1, 0, 'n'}, {"first", 1, 0, 'o'}, {0, 0, 0, 0}};
    for (int o; (o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) switch (o) {
        case 'p': path = optarg; break;
        case 'f': files = atoi(optarg); break;
        case 's': size = atoi(optarg); break;
        case 'r': rate = atof(optarg); break;
        case 'n': lines = strtoull(optarg, NULL, 10); break;
        case 'o': first = strtoull(optarg, NULL, 10); break;
        default: return 2;
        }
    if (!path || files < 1 || size < LINE_MIN || size > SIZE_MAX_) errx(2, "bad arguments");
    if (files > 1 && rate <= 0) errx(2, "many files need a --rate");
    make_texts();
    int *fds = calloc((size_t)files, sizeof *fds);
    for (int i = 0; i < files; i++) {
        char name[4096];
        if (files == 1) snprintf(name, sizeof name, "%s", path);
        else snprintf(name, sizeof name, "%s/f%05d.log", path, i);
        if ((fds[i] = open(name, O_WRONLY | O_CREAT | O_APPEND, 0644)) < 0) err(1, "%s", name);
    }
    int64_t start = now_ns();
    if (rate > 0) write_at_rate(fds);
    else write_flat_out(fds);
    printf("{\"lines\": %llu, \"start_ns\": %lld, \"end_ns\": %lld}\n", (unsigned long long)lines,
           (long long)start, (long long)now_ns());
    return 0;
}
