/* A plain change of a document of a record of assemble: where the record has the register, and what it becomes. */
#ifndef ONTO_FLOW_REGISTER_H
#define ONTO_FLOW_REGISTER_H

#include "slices.h"
#include "state.h"

/* A record on its way: where its registers begin, how many there are, and what was found of them. */
typedef struct {
    Slice rest;        /* from the first register on */
    uint64_t count;
    Py_ssize_t place;  /* of the one that is looked for */
    Slice entry;       /* what stands behind the path of the one that is looked for */
    Doc doc;
    Slice shown;       /* from what was shown last on */
    PyObject *layout;  /* owned: the sizes of the registers, and of what stands between them and what was shown last */
} Registers;

/* What a message tells a record. */
typedef struct {
    Slice record, path, content; /* all of the record; of the document, its path and what stands behind that */
    Doc now;
    Registers of;
    PyObject *its;  /* borrowed: what is known of the collection */
    int is_unknown; /* nothing is known of it */
} News;

/* FOUND: the change is plain; ODD: it is not; FAILED. Whatever it is, `news->of.layout` is the caller's. */
Said news_of(News *news, PyObject *record, PyObject *message, Py_ssize_t begin, PyObject *head, PyObject *known, PyObject *layout);

/* Of the record's registers the one that is meant, borrowed; 0: it cannot be told. */
int register_here(const News *news, PyObject *registers, PyObject **path, PyObject **doc);

/* What `plain_register` gives of a plain change. */
PyObject *register_of(const News *news, PyObject *path, PyObject *version, PyObject *fields);

PyObject *layout_after(const News *news);

/* What a record shows has become another document: (the record, the view change). `begin`: what the record begins with.
   NULL without an exception: something is unusual. */
enum { BEGINS = 3 };
PyObject *shown_anew(Coder *coder, PyObject *heads, const Slice begin[BEGINS], Slice old, PyObject *path, PyObject *before,
                     PyObject *after, int64_t seq);
int are_heads(PyObject *heads); /* 1, or 0 with an exception set */

#endif
