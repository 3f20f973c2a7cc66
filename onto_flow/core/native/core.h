/* What the files of this extension share. */
#ifndef ONTO_FLOW_CORE_H
#define ONTO_FLOW_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* 1: the same, 0: not, -1: an exception is set. `equality` must have been called before. */
int core_same(PyObject *left, PyObject *right);

PyObject *native_equality(PyObject *module, PyObject *args);

#endif
