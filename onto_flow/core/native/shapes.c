/* core.fields.fields_of: fields whose names are shared with all others that have the same, as Python does for attributes. */
#include "core.h"

enum { FIELDS, PATTERN, SHAPES, PARTS };
enum { MOST_SHAPES = 300, MOST_NAMES = 30 };
#define PART(n) PyTuple_GET_ITEM(parts, n)

PyObject *core_shaped(PyObject *type, PyObject *like)
{
    PyObject *none = PyTuple_New(0), *made = none ? ((PyTypeObject *)type)->tp_new((PyTypeObject *)type, none, NULL) : NULL;
    PyObject *copy = made ? PyDict_Copy(like) : NULL;
    Py_XDECREF(none);
#if !defined(Py_GIL_DISABLED)
    if (copy && ((PyDictObject *)copy)->ma_values) {
        PyDictObject *from = (PyDictObject *)copy, *to = (PyDictObject *)made, kept = *to;
        to->ma_used = from->ma_used;
        to->ma_keys = from->ma_keys;
        to->ma_values = from->ma_values;
        from->ma_used = kept.ma_used;
        from->ma_keys = kept.ma_keys;
        from->ma_values = kept.ma_values;
        Py_DECREF(copy);
        return made;
    }
#endif
    if (!copy || PyDict_Update(made, copy) < 0)
        Py_CLEAR(made);
    Py_XDECREF(copy);
    return made;
}

/* What all fields with some names are copies of; a new reference, or NULL: without an exception where there are too many. */
static PyObject *shape_of(PyObject *parts, PyObject *fields)
{
    if (!PyDict_GET_SIZE(fields) || PyDict_GET_SIZE(fields) > MOST_NAMES)
        return NULL;
    PyObject *names = PySequence_Tuple(fields), *shape = names ? PyDict_GetItemWithError(PART(SHAPES), names) : NULL;
    Py_XINCREF(shape);
    if (names && !shape && !PyErr_Occurred() && PyDict_GET_SIZE(PART(SHAPES)) < MOST_SHAPES) {
        shape = PyObject_CallOneArg(PART(PATTERN), names);
        if (shape && (!PyDict_CheckExact(shape) || PyDict_SetItem(PART(SHAPES), names, shape) < 0))
            Py_CLEAR(shape);
    }
    Py_XDECREF(names);
    return shape;
}

/* fields_of(fields) */
static PyObject *fields_of(PyObject *parts, PyObject *fields)
{
    PyObject *shape = PyDict_Check(fields) ? shape_of(parts, fields) : NULL, *name, *value;
    if (!shape)
        return PyErr_Occurred() ? NULL : PyObject_CallOneArg(PART(FIELDS), fields);
    PyObject *made = core_shaped(PART(FIELDS), shape);
    Py_ssize_t at = 0;
    while (made && PyDict_Next(fields, &at, &name, &value))
        if (PyDict_SetItem(made, name, value) < 0)
            Py_CLEAR(made);
    Py_DECREF(shape);
    return made;
}

static PyMethodDef fields_method = {"fields_of", fields_of, METH_O, "(fields) -> Fields."};

PyObject *native_fields_of(PyObject *module, PyObject *args)
{
    PyObject *fields, *pattern;
    if (!PyArg_ParseTuple(args, "O!O", &PyType_Type, &fields, &pattern))
        return NULL;
    if (!PyType_IsSubtype((PyTypeObject *)fields, &PyDict_Type))
        return PyErr_Format(PyExc_TypeError, "fields are dictionaries");
    PyObject *shapes = PyDict_New(), *parts = shapes ? PyTuple_Pack(PARTS, fields, pattern, shapes) : NULL;
    PyObject *made = parts ? PyCFunction_New(&fields_method, parts) : NULL;
    Py_XDECREF(shapes);
    Py_XDECREF(parts);
    return made;
}
