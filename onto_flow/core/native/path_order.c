/* core.values.is_plain_order: whether paths are in the order of Firestore when they are in that of their characters. */
#include "core.h"

/* The collection of the first path, with the stroke behind it, and how long that is. */
typedef struct {
    PyObject *head;
    Py_ssize_t size;
} Collection;

/* 1: a path of the collection whose id is no number, 0: it is not, -1: an exception is set. */
static int is_plain(Collection *of, PyObject *path)
{
    if (!PyUnicode_Check(path)) {
        PyErr_SetString(PyExc_TypeError, "paths are texts");
        return -1;
    }
    static PyObject *number;
    Py_ssize_t size = PyUnicode_GET_LENGTH(path);
    if (!number && !(number = PyUnicode_InternFromString("__id")))
        return -1;
    if (!of->head) {
        of->size = PyUnicode_FindChar(path, '/', 0, size, -1) + 1;
        of->head = of->size > 0 ? PyUnicode_Substring(path, 0, of->size) : NULL;
        if (!of->head)
            return PyErr_Occurred() ? -1 : 0; /* it has no stroke */
    }
    Py_ssize_t is = PyUnicode_Tailmatch(path, of->head, 0, size, -1);
    if (is != 1)
        return (int)is;
    Py_ssize_t stroke = PyUnicode_FindChar(path, '/', of->size, size, 1);
    if (stroke != -1)
        return stroke < 0 ? -1 : 0;
    is = PyUnicode_Tailmatch(path, number, of->size, size, -1);
    return is < 0 ? -1 : !is;
}

int core_plain_order(PyObject *paths)
{
    Collection of = {NULL, 0};
    PyObject *path, *value, *list = NULL;
    Py_ssize_t at = 0;
    int is = 1;
    if (is_map(paths)) {
        while (is == 1 && map_next(paths, &at, &path, &value))
            is = is_plain(&of, path);
    } else if ((list = PySequence_Fast(paths, "paths are wanted"))) {
        for (; is == 1 && at < PySequence_Fast_GET_SIZE(list); at++)
            is = is_plain(&of, PySequence_Fast_GET_ITEM(list, at));
        Py_DECREF(list);
    } else {
        is = -1;
    }
    Py_XDECREF(of.head);
    return is;
}

static PyObject *plain_order(PyObject *module, PyObject *paths)
{
    int is = core_plain_order(paths);
    return is < 0 ? NULL : PyBool_FromLong(is);
}

static PyMethodDef method = {"is_plain_order", plain_order, METH_O, "(paths) -> core.values.is_plain_order."};

PyObject *native_plain_order(PyObject *module, PyObject *none) { return PyCFunction_New(&method, NULL); }
