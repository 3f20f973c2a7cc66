/* The bytes of core.codec, for those that write or read several values behind each other. */
#ifndef ONTO_FLOW_CODER_H
#define ONTO_FLOW_CODER_H

#include "native.h"

enum { NONE_, FALSE_, TRUE_, INT_, DOUBLE_, STR_, BYTES_, TIME_, GEO_, REF_, VECTOR_, LIST_, MAP_, TUPLE_ };

typedef struct {
    PyObject *geopoint, *reference, *vector;
    Buffer out;
} Coder;

/* DONE; ODD for what the codec itself must take; FAILED with an exception set. */
Said put(Coder *coder, PyObject *value, int depth);
Said put_size(Coder *coder, size_t n);
Said put_tuple(Coder *coder, size_t count); /* what comes before the elements */

/* FOUND, ODD or FAILED. */
Said get(Coder *coder, Slice *rest, int depth, PyObject **found);

#endif
