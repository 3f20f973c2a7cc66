/* core.equality.same: what is plain is told here, the rest by canonical bytes, in Python. */
#include "core.h"

static PyObject *by_bytes, *reference;

static int told_by_bytes(PyObject *left, PyObject *right)
{
    PyObject *said = PyObject_CallFunctionObjArgs(by_bytes, left, right, NULL);
    if (!said)
        return -1;
    int same = PyObject_IsTrue(said);
    Py_DECREF(said);
    return same;
}

static int same_maps(PyObject *left, PyObject *right)
{
    if (PyDict_GET_SIZE(left) != PyDict_GET_SIZE(right))
        return 0;
    Py_ssize_t at = 0;
    PyObject *name, *value;
    while (PyDict_Next(left, &at, &name, &value)) {
        PyObject *other = PyDict_GetItemWithError(right, name);
        if (!other)
            return PyErr_Occurred() ? -1 : 0;
        if (value == other)
            continue;
        Py_INCREF(value);
        Py_INCREF(other);
        int same = core_same(value, other);
        Py_DECREF(value);
        Py_DECREF(other);
        if (same != 1)
            return same;
    }
    return 1;
}

static int same_sequences(PyObject *left, PyObject *right)
{
    Py_ssize_t size = PySequence_Fast_GET_SIZE(left);
    if (size != PySequence_Fast_GET_SIZE(right))
        return 0;
    for (Py_ssize_t n = 0; n < size; n++) {
        if (n >= PySequence_Fast_GET_SIZE(left) || n >= PySequence_Fast_GET_SIZE(right))
            return 0;
        int same = core_same(PySequence_Fast_GET_ITEM(left, n), PySequence_Fast_GET_ITEM(right, n));
        if (same != 1)
            return same;
    }
    return 1;
}

static int same_attributes(PyObject *left, PyObject *right, PyObject *name, int no_text_is_none)
{
    PyObject *mine = PyObject_GetAttr(left, name);
    PyObject *other = mine ? PyObject_GetAttr(right, name) : NULL;
    int same = -1;
    if (other) {
        int empty = 0;
        if (no_text_is_none && mine != other) {
            int some = PyObject_IsTrue(mine), others = some < 0 ? -1 : PyObject_IsTrue(other);
            if (others < 0)
                goto done;
            empty = !some && !others;
        }
        same = mine == other || empty ? 1 : PyObject_RichCompareBool(mine, other, Py_EQ);
    }
done:
    Py_XDECREF(mine);
    Py_XDECREF(other);
    return same;
}

static int same_of_kind(PyObject *left, PyObject *right, PyTypeObject *kind)
{
    if (kind == &PyUnicode_Type || kind == &PyLong_Type || kind == &PyBytes_Type)
        return PyObject_RichCompareBool(left, right, Py_EQ);
    if (kind == &PyBool_Type)
        return 0;
    if (PyDict_Check(left))
        return same_maps(left, right);
    if (kind == &PyList_Type || kind == &PyTuple_Type)
        return same_sequences(left, right);
    if ((PyObject *)kind == reference) {
        int same = same_attributes(left, right, name_path, 0);
        return same == 1 ? same_attributes(left, right, name_database, 1) : same;
    }
    if (kind == &PyFloat_Type) {
        double mine = PyFloat_AS_DOUBLE(left), other = PyFloat_AS_DOUBLE(right);
        if (mine == other && other != 0)
            return 1;
        if (mine != other)
            return mine != mine && other != other;
    }
    return told_by_bytes(left, right);
}

int core_same(PyObject *left, PyObject *right)
{
    if (left == right)
        return 1;
    if (left == Py_None || right == Py_None)
        return 0;
    PyTypeObject *kind = Py_TYPE(left);
    if (kind != Py_TYPE(right) && !(PyDict_Check(left) && PyDict_Check(right)))
        return told_by_bytes(left, right);
    if (Py_EnterRecursiveCall(" while values are compared"))
        return -1;
    int same = same_of_kind(left, right, kind);
    Py_LeaveRecursiveCall();
    return same;
}

static PyObject *same(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "same takes two values");
        return NULL;
    }
    int found = core_same(given[0], given[1]);
    return found < 0 ? NULL : PyBool_FromLong(found);
}

static PyMethodDef same_method = {"same", (PyCFunction)(void (*)(void))same, METH_FASTCALL,
                                  "(left, right) -> whether two values are equal as Firestore values."};

PyObject *native_equality(PyObject *module, PyObject *args)
{
    PyObject *given, *cls;
    if (!PyArg_ParseTuple(args, "OO", &given, &cls))
        return NULL;
    Py_XSETREF(by_bytes, Py_NewRef(given));
    Py_XSETREF(reference, Py_NewRef(cls));
    return PyCFunction_New(&same_method, NULL);
}
