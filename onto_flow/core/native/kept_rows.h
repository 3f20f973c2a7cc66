/* What the rows of a getter are made with (model.kept_rows). */
#ifndef ONTO_FLOW_KEPT_ROWS_H
#define ONTO_FLOW_KEPT_ROWS_H

#include "core.h"

extern Py_ssize_t rows_made, rows_readers, rows_elements, rows_stored, rows_owners, program_row, program_seen, program_elements,
    program_converts;
extern PyObject *name_row_stored, *name_check;

/* One change of rows: what it works on, borrowed from the program and the rows. */
typedef struct {
    PyObject *rows, *program, *documents;
    PyObject **arguments; /* of the row: the document, then what is given */
    Py_ssize_t count;
    int moved, stored;
} Change;

/* The row of a document is made again, or goes; the row of one that comes behind all others is made. 0, or -1. */
int change_row(Change *change, PyObject *path);
int fill_row(Change *change, PyObject *path, PyObject *document);

#endif
