/* Which rows looked a document up (KeptRows._readers): the path of one row, or a list of them. */
#include "core.h"

static int remove_reader(PyObject *readers, PyObject *other, PyObject *path)
{
    PyObject *held = PyDict_GetItemWithError(readers, other);
    if (!held)
        return PyErr_Occurred() ? -1 : 0;
    if (PyUnicode_CheckExact(held)) {
        int mine = PyObject_RichCompareBool(held, path, Py_EQ);
        return mine == 1 ? PyDict_DelItem(readers, other) : mine;
    }
    for (Py_ssize_t n = 0; n < PyList_GET_SIZE(held); n++) {
        int mine = PyObject_RichCompareBool(PyList_GET_ITEM(held, n), path, Py_EQ);
        if (mine)
            return mine < 0 ? -1 : PyList_SetSlice(held, n, n + 1, NULL);
    }
    return 0;
}

static int add_reader(PyObject *readers, PyObject *other, PyObject *path)
{
    PyObject *held = PyDict_GetItemWithError(readers, other);
    if (!held)
        return PyErr_Occurred() ? -1 : PyDict_SetItem(readers, other, path);
    if (PyUnicode_CheckExact(held)) {
        int mine = PyObject_RichCompareBool(held, path, Py_EQ);
        if (mine)
            return mine < 0 ? -1 : 0;
        PyObject *both = PyList_New(2);
        if (!both)
            return -1;
        PyList_SET_ITEM(both, 0, Py_NewRef(held));
        PyList_SET_ITEM(both, 1, Py_NewRef(path));
        int done = PyDict_SetItem(readers, other, both);
        Py_DECREF(both);
        return done;
    }
    int there = PySequence_Contains(held, path);
    return there ? (there < 0 ? -1 : 0) : PyList_Append(held, path);
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
