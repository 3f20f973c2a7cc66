/* The bytes of core.codec, for those that write or read several values behind each other. */
#ifndef ONTO_FLOW_CODER_H
#define ONTO_FLOW_CODER_H

#include "native.h"

enum { NONE_, FALSE_, TRUE_, INT_, DOUBLE_, STR_, BYTES_, TIME_, GEO_, REF_, VECTOR_, LIST_, MAP_, TUPLE_ };

typedef struct Met Met; /* documents that were written already, and their bytes */

typedef struct {
    PyObject *geopoint, *reference, *vector;
    PyObject *fields; /* the class of documents */
    Met *met;         /* NULL: each is written anew */
    Buffer out;
} Coder;

int met_copy(Met *met, PyObject *document, int depth, Buffer *out); /* 0: it was not met; 1: its bytes are behind `out` */
void met_keep(Met *met, PyObject *document, int depth, const uint8_t *data, size_t size);

/* DONE; ODD for what the codec itself must take; FAILED with an exception set. */
Said put(Coder *coder, PyObject *value, int depth);
Said put_size(Coder *coder, size_t n);
Said put_tuple(Coder *coder, size_t count); /* what comes before the elements */

/* FOUND, ODD or FAILED. */
Said get(Coder *coder, Slice *rest, int depth, PyObject **found);

#endif
