/* The line that the benchmark writes and checks.
 *
 *   "FFFFF SSSSSSSSSSSS TTTTTTTTTTTTTTTTTTT tag=D text text ... E\n"
 *    |     |            |                   |     |             `- 'a' + S % 26: catches glued lines
 *    |     |            |                   |     `- log-like text, so that deflate has real work
 *    |     |            |                   `- S % 10: something for a filter to match
 *    |     |            `- CLOCK_MONOTONIC when it was written, in ns (one clock for all processes)
 *    |     `- sequence number within the file, from 0 without holes
 *    `- number of the file
 */
#ifndef TAILWS_BENCH_LINE_H
#define TAILWS_BENCH_LINE_H

#include <stdint.h>
#include <string.h>
#include <time.h>

enum { FILE_AT = 0, FILE_DIGITS = 5, SEQ_AT = 6, SEQ_DIGITS = 12, TIME_AT = 19, TIME_DIGITS = 19,
       TAG_AT = 43, TEXT_AT = 45, LINE_MIN = 48 };

static inline int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void put_digits(char *at, int digits, uint64_t value) {
    for (int i = digits - 1; i >= 0; i--, value /= 10) at[i] = (char)('0' + value % 10);
}

/* -1 when any of the characters is not a digit. */
static inline int64_t get_digits(const char *at, int digits) {
    int64_t value = 0;
    for (int i = 0; i < digits; i++) {
        unsigned d = (unsigned)at[i] - '0';
        if (d > 9) return -1;
        value = value * 10 + d;
    }
    return value;
}

static inline char end_mark(uint64_t seq) { return (char)('a' + seq % 26); }

#endif
