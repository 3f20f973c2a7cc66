/* The bytes of state: of maps, of records, and of what changed of a record. Every `put` is as that of coder.h. */
#ifndef ONTO_FLOW_STATE_H
#define ONTO_FLOW_STATE_H

#include "coder.h"

#include "../../core/native/maps.h"

extern PyObject *name_reg, *name_due, *name_last;
extern const Maps *maps; /* NULL where the other extension is not there */
void maps_begin(void);

/* The entries of a map: of a dict or pocket itself, else a list of pairs. */
typedef struct {
    PyObject *map, *pairs;
    Py_ssize_t at, count;
    int (*next)(PyObject *, Py_ssize_t *, PyObject **, PyObject **);
} Each;

int each_here(Each *each, PyObject *map); /* 1: without a list, which need not be freed then */
int each_begin(Each *each, PyObject *map);
int each_next(Each *each, PyObject **key, PyObject **value);

Said put_pair(Coder *coder, PyObject *key, PyObject *value);
Said put_pairs(Coder *coder, PyObject *map);
Said put_document(Coder *coder, PyObject *path, PyObject *doc); /* a path and its document, which is a tuple of three */
Said put_flags(Coder *coder, PyObject *record);
Said put_record(Coder *coder, PyObject *record); /* operators.record.Record.pack */

/* operators.written.difference; ODD where there is none. */
Said put_difference(Coder *coder, PyObject *record, PyObject *written, PyObject *reg, PyObject *last);
int mark_again(PyObject *written, PyObject *reg, PyObject *last); /* `written` becomes what operators.written.mark makes */
PyObject *mark_of(PyObject *reg, PyObject *last);                 /* what operators.written.mark makes */

#endif
