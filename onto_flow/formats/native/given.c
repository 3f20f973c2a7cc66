/* The states that an engine gives to a step: what is at a place among them is read, and written. */
#include "slices.h"

/* A state; an exception is set where there is none. */
static PyObject *state_at(PyObject *given, PyObject *place)
{
    Py_ssize_t at = PyTuple_Check(given) ? PyLong_AsSsize_t(place) : -1;
    if (at >= 0 && at < PyTuple_GET_SIZE(given))
        return PyTuple_GET_ITEM(given, at);
    return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "states are wanted");
}

PyObject *called(PyObject *thing, const char *name, PyObject **known)
{
    if (!*known && !(*known = PyUnicode_InternFromString(name)))
        return NULL;
    return PyObject_CallMethodNoArgs(thing, *known);
}

PyObject *read_given(PyObject *given, PyObject *place)
{
    static PyObject *name;
    PyObject *state = state_at(given, place), *raw = state ? called(state, "read", &name) : NULL;
    if (raw && raw != Py_None && !PyBytes_Check(raw)) {
        Py_DECREF(raw);
        return PyErr_Format(PyExc_TypeError, "a state is bytes");
    }
    return raw;
}

int write_given(PyObject *given, PyObject *place, PyObject *raw)
{
    static PyObject *name;
    PyObject *state = state_at(given, place), *nothing = NULL;
    if (state && (name || (name = PyUnicode_InternFromString("write"))))
        nothing = PyObject_CallMethodOneArg(state, name, raw);
    Py_XDECREF(nothing);
    return nothing != NULL;
}
