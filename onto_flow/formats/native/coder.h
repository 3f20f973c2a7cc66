/* The bytes of core.codec, for those that write or read several values behind each other. */
#ifndef ONTO_FLOW_CODER_H
#define ONTO_FLOW_CODER_H

#include "native.h"

enum { NONE_, FALSE_, TRUE_, INT_, DOUBLE_, STR_, BYTES_, TIME_, GEO_, REF_, VECTOR_, LIST_, MAP_, TUPLE_ };

typedef struct Met Met; /* documents that were written already, and their bytes */

/* Less than the codec's 64 by what rows and records put around a value: what is deeper is left to the codec, which counts from
   the begin of the row, and so takes and refuses the same. */
enum { DEPTH = 48 };

/* Room for what most messages are, so that it is made once. */
enum { ENOUGH = 1000 };

typedef struct {
    PyObject *geopoint, *reference, *vector;
    PyObject *fields; /* the class of documents */
    Met *met;         /* NULL: each is written anew */
    Buffer out;
} Coder;

int met_copy(Met *met, PyObject *document, int depth, Buffer *out); /* 0: it was not met; 1: its bytes are behind `out` */
void met_keep(Met *met, PyObject *document, int depth, const uint8_t *data, size_t size);

/* At least 10 bytes of room are needed. */
static inline uint8_t *write_size(uint8_t *at, size_t n)
{
    for (; n > 0x7F; n >>= 7)
        *at++ = (uint8_t)((n & 0x7F) | 0x80);
    *at++ = (uint8_t)n;
    return at;
}

/* At least 11 bytes of room are needed. */
static inline uint8_t *write_head(uint8_t *at, uint8_t tag, size_t n)
{
    *at++ = tag;
    return write_size(at, n);
}

static inline void big_endian(uint64_t bits, uint8_t bytes[8])
{
    for (int n = 7; n >= 0; n--, bits >>= 8)
        bytes[n] = (uint8_t)bits;
}

/* At least 10 bytes of room are needed. */
static inline uint8_t *write_int(uint8_t *at, int64_t n)
{
    uint8_t bytes[8];
    big_endian((uint64_t)n, bytes);
    int first = 0;
    while (first < 7 && bytes[first] == (n < 0 ? 0xFF : 0) && (bytes[first + 1] >> 7) == (n < 0))
        first++;
    at = write_head(at, INT_, (size_t)(8 - first));
    memcpy(at, bytes + first, (size_t)(8 - first));
    return at + 8 - first;
}

/* DONE; ODD for what the codec itself must take; FAILED with an exception set. */
Said put(Coder *coder, PyObject *value, int depth);
Said put_size(Coder *coder, size_t n);
Said put_number(Coder *coder, int64_t n);
Said put_tuple(Coder *coder, size_t count); /* what comes before the elements */

Said micros_of(PyObject *time, int64_t *micros); /* DONE; ODD for what is no time of UTC */
Said out_of_room(void);                          /* FAILED */

/* FOUND, ODD or FAILED. */
Said get(Coder *coder, Slice *rest, int depth, PyObject **found);

PyObject *new_reference(PyObject *cls, PyObject *path, PyObject *database);

/* The name of a field that was met lately, and the one that stood behind it then. */
typedef struct Met_name Met_name;

extern Met_name first_name; /* stands before the first of a map */

/* The name of a field, behind its tag. `last`: the one before, then this one. */
Said get_name(Slice *rest, Met_name **last, PyObject **found);

#endif
