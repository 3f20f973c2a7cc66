/* The few wire forms that exports are made of, and growing buffers. Nothing here reads beyond the `end` that it is given. */
#ifndef ONTO_FLOW_WIRE_H
#define ONTO_FLOW_WIRE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

/* A piece of a record. */
typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} Slice;

/* What a step says: found, nothing unusual but done, left to the decoder of single records, or a Python error is set. */
typedef enum { FAILED = -2, ODD = -1, DONE = 0, FOUND = 1 } Said;

/* A number of at most 10 bytes; of more than 64 bits the low ones count, as for integers of protobuf. */
static inline int read_varint(const uint8_t **at, const uint8_t *end, uint64_t *number)
{
    const uint8_t *p = *at;
    uint64_t n = 0;
    for (int shift = 0; p < end && shift < 70; shift += 7) {
        uint8_t byte = *p++;
        if (shift < 64)
            n |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *number = n;
            *at = p;
            return 1;
        }
    }
    return 0;
}

/* A length of at most 4 bytes, and what it stands before, which must lie before `end`. */
static inline int read_slice(const uint8_t **at, const uint8_t *end, Slice *found)
{
    const uint8_t *p = *at;
    uint32_t size = 0;
    for (int shift = 0; p < end && shift < 28; shift += 7) {
        uint8_t byte = *p++;
        size |= (uint32_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            if ((size_t)(end - p) < size)
                return 0;
            found->at = p;
            *at = found->end = p + size;
            return 1;
        }
    }
    return 0;
}

static inline size_t size_of(Slice slice) { return (size_t)(slice.end - slice.at); }

static inline int same_bytes(Slice a, Slice b)
{
    return size_of(a) == size_of(b) && memcmp(a.at, b.at, size_of(a)) == 0;
}

static inline uint64_t word_at(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

static inline double double_at(const uint8_t *at)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error "a machine with the low byte first is needed; without this extension the package works everywhere"
#endif
    double value;
    memcpy(&value, at, 8);
    return value;
}

/* Whether bytes are UTF-8 as Python reads it: no surrogates, nothing longer than needed, nothing beyond U+10FFFF. */
static inline int is_text(Slice text)
{
    const uint8_t *p = text.at, *end = text.end;
    while (p < end) {
        while (end - p >= 8 && !(word_at(p) & 0x8080808080808080ULL))
            p += 8;
        if (p == end)
            return 1;
        uint8_t first = *p++;
        if (first < 0x80)
            continue;
        int more = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
        if (first < 0xC2 || first > 0xF4 || end - p < more)
            return 0;
        if ((first == 0xE0 && p[0] < 0xA0) || (first == 0xED && p[0] > 0x9F) || (first == 0xF0 && p[0] < 0x90) ||
            (first == 0xF4 && p[0] > 0x8F))
            return 0;
        for (; more; more--)
            if ((*p++ & 0xC0) != 0x80)
                return 0;
    }
    return 1;
}

/* Bytes that grow at the end. */
typedef struct {
    uint8_t *data;
    size_t size, room;
} Buffer;

static inline int buffer_reserve(Buffer *buffer, size_t more)
{
    if (buffer->room - buffer->size >= more)
        return 1;
    size_t room = buffer->room ? buffer->room : 64;
    while (room - buffer->size < more) {
        if (room > SIZE_MAX / 2)
            return 0;
        room *= 2;
    }
    uint8_t *data = PyMem_RawRealloc(buffer->data, room);
    if (!data)
        return 0;
    buffer->data = data;
    buffer->room = room;
    return 1;
}

static inline int buffer_add(Buffer *buffer, const void *bytes, size_t size)
{
    if (!buffer_reserve(buffer, size))
        return 0;
    if (size)
        memcpy(buffer->data + buffer->size, bytes, size);
    buffer->size += size;
    return 1;
}

static inline void buffer_free(Buffer *buffer)
{
    PyMem_RawFree(buffer->data);
    memset(buffer, 0, sizeof *buffer);
}

#endif
