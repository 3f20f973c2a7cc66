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

int skip_value(Slice *rest);

/* The next value, as the bytes that it is. */
static inline int take(Slice *rest, Slice *found)
{
    found->at = rest->at;
    int well = skip_value(rest);
    found->end = rest->at;
    return well;
}

/* What a value with elements begins with; 0: it is another one, or is not as it is always written. */
static inline int take_head(Slice *rest, uint8_t tag, uint64_t *count)
{
    if (rest->at >= rest->end || *rest->at != tag)
        return 0;
    const uint8_t *first = ++rest->at;
    return read_varint(&rest->at, rest->end, count) && *count <= size_of(*rest) &&
           (rest->at == first + 1 || rest->at[-1] != 0);
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

static inline int is_above(Version a, Version b) { return a.micros > b.micros || (a.micros == b.micros && a.tie > b.tie); }

/* What a state cell begins with. */
static inline int take_state(Slice *rest) { return rest->at < rest->end && *rest->at++ == STATE_VERSION; }

static inline Slice raw_of(PyObject *bytes)
{
    const uint8_t *at = (const uint8_t *)PyBytes_AS_STRING(bytes);
    return (Slice){at, at + PyBytes_GET_SIZE(bytes)};
}

/* As `memcmp`; what another begins with comes before it. */
static inline int order_of(Slice a, Slice b)
{
    size_t size = size_of(a) < size_of(b) ? size_of(a) : size_of(b);
    int order = memcmp(a.at, b.at, size);
    return order ? order : (size_of(a) > size_of(b)) - (size_of(a) < size_of(b));
}

int take_int(Slice *rest, int64_t *number);
int version_of(Slice raw, Version *version);
int is_newer(Slice newer, Slice older); /* whether both are versions and the first is above the second */
int take_doc(Slice *rest, Doc *doc);
Slice one_shown(Slice rest); /* of what a record shows: the bytes of its one document; empty where it is none, or several */
int take_event(Slice *rest, Slice head, Doc *event);                           /* its keys are the version it replaced */
int take_told(Slice *rest, Slice head, Slice *path, Slice *content, Doc *doc); /* what stands behind the path: content */

/* The fields of a map that are read, as a map: where they are all, it is the map itself, else it is made in `room`.
   `wanted`: their names in order, or None for all. `apart`: a name that is not taken. */
Said read_of(Slice raw, PyObject *wanted, Slice apart, Buffer *room, Slice *found);

static const Slice NOTHING_HELD = {NULL, NULL};

int state_of(PyObject *state, Slice *held); /* the bytes of a state, nothing where there is none; 0: neither */

int add_slice(Buffer *out, Slice raw);
int add_tagged(Buffer *out, uint8_t tag, size_t count);
int add_state(Buffer *out, uint8_t tag, size_t count); /* what a state begins with */
int add_int(Buffer *out, int64_t number);
PyObject *no_room(void);
PyObject *bytes_of(const Buffer *buffer);
PyObject *part_of(Slice raw);                         /* bytes; None for what is not there */
PyObject *joined(const Slice *pieces, int count);     /* bytes of some pieces, one behind the other */
PyObject *spliced(Slice whole, Slice old, Slice new); /* bytes with a piece of them replaced */

/* Whether some fields of two versions have the same values. `names`: a tuple of bytes, in order. */
int all_stay(Slice before, Slice after, PyObject *names);
int are_names(PyObject *names); /* else an exception is set */

/* What an engine carries to an operator. `make`: a class whose objects are their `tag` and `value` alone, or what gives one. */
PyObject *output_of(PyObject *make, PyObject *to, PyObject *keyed);

/* Whether a document is a newer version of the held one that belongs where it did and asks for what it did. */
int is_plain(const Doc *now, const Doc *held, PyObject *stays);

/* What an engine gives to a step: `place` is that of a state in a tuple of them. */
PyObject *read_given(PyObject *given, PyObject *place);               /* its bytes, None, or NULL with an exception set */
int write_given(PyObject *given, PyObject *place, PyObject *raw);     /* 0: an exception is set */
PyObject *called(PyObject *thing, const char *name, PyObject **known); /* what a method gives; its name is kept in `known` */

/* Whether a function was given so many arguments, and bytes where they are wanted; else an exception is set. */
int are_given(PyObject *const *args, Py_ssize_t count, Py_ssize_t wanted, const uint8_t *bytes, size_t bytes_count);

#endif
