/* Which rows looked a document up (KeptRows._readers): the path of one row, or a list of them. */
#include "core.h"

static int remove_reader(PyObject *readers, PyObject *other, PyObject *path)
{
    PyObject *held;
    if (value_of(readers, other, &held) < 0)
        return -1;
    if (!held)
        return 0;
    int done = 0, one = PyUnicode_CheckExact(held);
    for (Py_ssize_t n = 0; done == 0 && n < (one ? 1 : PyList_GET_SIZE(held)); n++) {
        done = PyObject_RichCompareBool(one ? held : PyList_GET_ITEM(held, n), path, Py_EQ);
        if (done == 1 && (one ? map_delete(readers, other) : PyList_SetSlice(held, n, n + 1, NULL)) < 0)
            done = -1;
    }
    Py_DECREF(held);
    return done < 0 ? -1 : 0;
}

static int add_reader(PyObject *readers, PyObject *other, PyObject *path)
{
    PyObject *held, *both = NULL;
    if (value_of(readers, other, &held) < 0)
        return -1;
    if (!held)
        return map_set(readers, other, path);
    int one = PyUnicode_CheckExact(held), there = one ? PyObject_RichCompareBool(held, path, Py_EQ) : PySequence_Contains(held, path);
    if (there == 0 && one)
        there = (both = Py_BuildValue("[OO]", held, path)) ? map_set(readers, other, both) : -1;
    else if (there == 0)
        there = PyList_Append(held, path);
    Py_XDECREF(both);
    Py_DECREF(held);
    return there < 0 ? -1 : 0;
}

int core_note_readers(PyObject *readers, PyObject *path, PyObject *before, PyObject *now)
{
    if (before && PyUnicode_CheckExact(before)) {
        int still = PySequence_Contains(now, before);
        if (still < 0 || (!still && remove_reader(readers, before, path) < 0))
            return -1;
    } else if (before) {
        for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(before); n++) {
            int still = PySequence_Contains(now, PyTuple_GET_ITEM(before, n));
            if (still < 0 || (!still && remove_reader(readers, PyTuple_GET_ITEM(before, n), path) < 0))
                return -1;
        }
    }
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(now); n++)
        if (add_reader(readers, PyTuple_GET_ITEM(now, n), path) < 0)
            return -1;
    return 0;
}
