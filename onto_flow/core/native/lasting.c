/* Elements of lists that nobody can change (model.lasting): whether they are alike, and what is stored of them. */
#include "core.h"

static PyObject *parts_of; /* class -> names of the parts of its objects */
static Py_ssize_t elements_known;
static PyObject *name_stored;

static int alike_sequences(PyObject *one, PyObject *other)
{
    Py_ssize_t size = PySequence_Fast_GET_SIZE(one);
    if (size != PySequence_Fast_GET_SIZE(other))
        return 0;
    for (Py_ssize_t n = 0; n < size; n++) {
        if (n >= PySequence_Fast_GET_SIZE(one) || n >= PySequence_Fast_GET_SIZE(other))
            return 0;
        int alike = core_alike(PySequence_Fast_GET_ITEM(one, n), PySequence_Fast_GET_ITEM(other, n));
        if (alike != 1)
            return alike;
    }
    return 1;
}

static int alike_parts(PyObject *one, PyObject *other)
{
    PyObject *parts = PyDict_GetItemWithError(parts_of, (PyObject *)Py_TYPE(one));
    if (!parts || !PyTuple_Check(parts))
        return PyErr_Occurred() ? -1 : 0;
    if (!PyTuple_GET_SIZE(parts))
        return 0;
    Py_INCREF(parts);
    int alike = 1;
    for (Py_ssize_t n = 0; alike == 1 && n < PyTuple_GET_SIZE(parts); n++) {
        PyObject *mine = PyObject_GetAttr(one, PyTuple_GET_ITEM(parts, n));
        PyObject *others = mine ? PyObject_GetAttr(other, PyTuple_GET_ITEM(parts, n)) : NULL;
        alike = others ? core_alike(mine, others) : -1;
        Py_XDECREF(mine);
        Py_XDECREF(others);
    }
    Py_DECREF(parts);
    return alike;
}

static int alike_of_kind(PyObject *one, PyObject *other, PyTypeObject *kind)
{
    if (kind == &PyUnicode_Type || kind == &PyLong_Type || kind == &PyBytes_Type)
        return PyObject_RichCompareBool(one, other, Py_EQ);
    if (kind == &PyBool_Type)
        return 0;
    if (kind == &PyFloat_Type)
        return core_same(one, other);
    if (kind == &PyTuple_Type || kind == &PyList_Type)
        return alike_sequences(one, other);
    return alike_parts(one, other);
}

int core_alike(PyObject *one, PyObject *other)
{
    if (one == other)
        return 1;
    PyTypeObject *kind = Py_TYPE(one);
    if (kind != Py_TYPE(other))
        return 0;
    if (Py_EnterRecursiveCall(" while elements are compared"))
        return -1;
    int alike = alike_of_kind(one, other, kind);
    Py_LeaveRecursiveCall();
    return alike;
}

static int is_plain(PyObject *value)
{
    return value == Py_None || PyBool_Check(value) || PyFloat_CheckExact(value) ||
           (PyUnicode_CheckExact(value) && PyUnicode_IS_ASCII(value));
}

/* The map of an element whose class is known and whose parts are all plain; no map and no exception: another one. */
static PyObject *plain_map(PyObject *element, PyObject *parts, PyObject *names, PyObject *pattern)
{
    PyObject *map = PyDict_Copy(pattern);
    for (Py_ssize_t n = 0; map && n < PyTuple_GET_SIZE(parts); n++) {
        PyObject *value = PyObject_GetAttr(element, PyTuple_GET_ITEM(parts, n));
        if (!value || !is_plain(value) || PyDict_SetItem(map, PyTuple_GET_ITEM(names, n), value) < 0)
            Py_CLEAR(map);
        Py_XDECREF(value);
    }
    return map;
}

static PyObject *stored_element(PyObject *elements, PyObject *element)
{
    PyObject *known = PyDict_GetItemWithError(SLOT(elements, elements_known), (PyObject *)Py_TYPE(element));
    if (!known && PyErr_Occurred())
        return NULL;
    if (known && PyTuple_CheckExact(known)) {
        Py_INCREF(known);
        PyObject *map = plain_map(element, PyTuple_GET_ITEM(known, 0), PyTuple_GET_ITEM(known, 1), PyTuple_GET_ITEM(known, 3));
        if (map && PyTuple_GET_ITEM(known, 4) == Py_True && PyObject_IS_GC(element))
            PyObject_GC_UnTrack(element); /* core.compact.unseen */
        Py_DECREF(known);
        if (map || PyErr_Occurred())
            return map;
    }
    return PyObject_CallMethodOneArg(elements, name_stored, element);
}

PyObject *core_stored(PyObject *elements, PyObject *values)
{
    PyObject *list = PyList_New(0);
    for (Py_ssize_t n = 0; list && n < PyList_GET_SIZE(values); n++) {
        PyObject *value = Py_NewRef(PyList_GET_ITEM(values, n));
        PyObject *stored = stored_element(elements, value);
        if (!stored || PyList_Append(list, stored) < 0)
            Py_CLEAR(list);
        Py_DECREF(value);
        Py_XDECREF(stored);
    }
    return list;
}

static PyObject *alike(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "alike takes two values");
        return NULL;
    }
    int found = core_alike(given[0], given[1]);
    return found < 0 ? NULL : PyBool_FromLong(found);
}

static PyMethodDef alike_method = {"alike", (PyCFunction)(void (*)(void))alike, METH_FASTCALL,
                                   "(one, other) -> whether two lasting values are the same to whoever reads them."};

PyObject *native_lasting(PyObject *module, PyObject *args)
{
    PyObject *parts, *elements;
    if (!PyArg_ParseTuple(args, "O!O", &PyDict_Type, &parts, &elements))
        return NULL;
    if ((elements_known = slot_of(elements, "_known")) < 0 || !(name_stored = PyUnicode_InternFromString("_stored")))
        return NULL;
    Py_XSETREF(parts_of, Py_NewRef(parts));
    return PyCFunction_New(&alike_method, NULL);
}
