/* SHA-1 (FIPS 180-4) and base64 of 20 bytes: just enough for Sec-WebSocket-Accept (RFC 6455, 4.2.2). */
#ifndef TAILWS_BENCH_SHA1_H
#define TAILWS_BENCH_SHA1_H

#include <stdint.h>
#include <string.h>

static inline uint32_t rotate_left(uint32_t x, int n) { return x << n | x >> (32 - n); }

static inline void sha1_chunk(uint32_t h[5], const unsigned char *chunk) {
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)chunk[4 * i] << 24 | (uint32_t)chunk[4 * i + 1] << 16 | (uint32_t)chunk[4 * i + 2] << 8 | chunk[4 * i + 3];
    for (int i = 16; i < 80; i++) w[i] = rotate_left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t f, k;
        if (i < 20) f = (b & c) | (~b & d), k = 0x5a827999;
        else if (i < 40) f = b ^ c ^ d, k = 0x6ed9eba1;
        else if (i < 60) f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
        else f = b ^ c ^ d, k = 0xca62c1d6;
        uint32_t t = rotate_left(a, 5) + f + e + k + w[i];
        e = d, d = c, c = rotate_left(b, 30), b = a, a = t;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

/* `out` takes 29 bytes. A key of up to 64 characters is used, more is cut off. */
static inline void websocket_accept(const char *key, size_t length, char *out) {
    static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char text[128] = {0}, digest[21] = {0};
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    if (length > 64) length = 64;
    memcpy(text, key, length);
    memcpy(text + length, GUID, 36);
    size_t total = length + 36, padded = total + 9 <= 64 ? 64 : 128;
    text[total] = 0x80;
    text[padded - 2] = (unsigned char)(total * 8 >> 8), text[padded - 1] = (unsigned char)(total * 8);
    for (size_t at = 0; at < padded; at += 64) sha1_chunk(h, text + at);
    for (int i = 0; i < 20; i++) digest[i] = (unsigned char)(h[i / 4] >> (24 - 8 * (i % 4)));
    for (int i = 0; i < 7; i++) {
        uint32_t v = (uint32_t)digest[3 * i] << 16 | (uint32_t)digest[3 * i + 1] << 8 | digest[3 * i + 2];
        for (int j = 0; j < 4; j++) *out++ = BASE64[v >> (18 - 6 * j) & 63];
    }
    out[-1] = '=';
    *out = 0;
}

#endif
