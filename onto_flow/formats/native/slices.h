/* Messages and state as slices of their bytes: what is taken of them, and what is put behind others. 0: not as always written. */
#ifndef ONTO_FLOW_SLICES_H
#define ONTO_FLOW_SLICES_H

#include "coder.h"

enum { STATE_VERSION = 1 };

typedef struct {
    int64_t micros, tie;
} Version;

/* A document on its way: what stands behind its path. */
typedef struct {
    Slice version, fields, keys;
} Doc;

int skip_value(Slice *rest, int depth);

/* The next value, as the bytes that it is. */
static inline int take(Slice *rest, Slice *found)
{
    found->at = rest->at;
    int well = skip_value(rest, 0);
    found->end = rest->at;
    return well;
}

static inline int take_head(Slice *rest, uint8_t tag, uint64_t *count)
{
    if (rest->at >= rest->end || *rest->at != tag)
        return 0;
    rest->at++;
    return read_varint(&rest->at, rest->end, count) && *count <= size_of(*rest);
}

static inline int take_tuple(Slice *rest, uint64_t count)
{
    uint64_t there;
    return take_head(rest, TUPLE_, &there) && there == count;
}

static inline int take_bytes(Slice *rest, Slice expected)
{
    if (size_of(*rest) < size_of(expected) || memcmp(rest->at, expected.at, size_of(expected)))
        return 0;
    rest->at += size_of(expected);
    return 1;
}

static inline int is(Slice raw, uint8_t tag) { return raw.at < raw.end && *raw.at == tag; }

static inline Slice raw_of(PyObject *bytes)
{
    const uint8_t *at = (const uint8_t *)PyBytes_AS_STRING(bytes);
    return (Slice){at, at + PyBytes_GET_SIZE(bytes)};
}

int take_int(Slice *rest, int64_t *number);
int version_of(Slice raw, Version *version);
int is_newer(Slice newer, Slice older); /* whether both are versions and the first is above the second */
int take_doc(Slice *rest, Doc *doc);
int take_event(Slice *rest, Slice head, Doc *event);                                 /* its keys are the version it replaced */
int take_told(Slice *rest, Slice head, Slice *path, Slice *content, Doc *doc);       /* what stands behind the path: content */

int add_slice(Buffer *out, Slice raw);
int add_tagged(Buffer *out, uint8_t tag, size_t count);
Said add_read(Buffer *out, Buffer *body, Slice map, PyObject *wanted, Slice apart); /* the fields of a map that are read */
PyObject *bytes_of(const Buffer *buffer);
PyObject *spliced(Slice whole, Slice old, Slice new); /* bytes with a piece of them replaced */

#endif
