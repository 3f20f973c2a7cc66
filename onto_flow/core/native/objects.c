/* The objects that user code reads (model.objects): slots are filled from a document's fields. */
#include "core.h"
#include <structmember.h>

/* (Fields, Reference, cls, model, attributes, path, _fields): `cls` has a slot for each attribute, which is (descriptor,
 * field, default, read, prefix): without `read` the value as it is; else `read` of it, unless it is a reference to a
 * document right below the prefix, which stays. */
enum { FIELDS, REFERENCE, CLS, MODEL, ATTRIBUTES, PATH_SLOT, FIELDS_SLOT, PARTS };
enum { SLOT, FIELD, DEFAULT, READ, PREFIX, ATTRIBUTE_PARTS };
#define PART(n) PyTuple_GET_ITEM(parts, n)

static Py_ssize_t offset_of(PyObject *descriptor) { return ((PyMemberDescrObject *)descriptor)->d_member->offset; }

static void fill(PyObject *made, PyObject *descriptor, PyObject *value)
{
    PyObject **slot = (PyObject **)((char *)made + offset_of(descriptor));
    Py_XSETREF(*slot, Py_NewRef(value));
}

/* Whether a value is a reference within the database to a document right below the prefix: 1, 0, or -1. */
static int stays(PyObject *type, PyObject *value, PyObject *prefix)
{
    if ((PyObject *)Py_TYPE(value) != type || prefix == Py_None)
        return 0;
    PyObject *database = PyObject_GetAttr(value, name_database), *path = NULL;
    int found = !database ? -1 : database == Py_None;
    if (found == 1 && !(path = PyObject_GetAttr(value, name_path)))
        found = -1;
    if (found == 1) {
        Py_ssize_t begin = PyUnicode_Check(path) ? PyUnicode_GET_LENGTH(prefix) : 0;
        Py_ssize_t end = begin ? PyUnicode_GET_LENGTH(path) : 0;
        found = end > begin ? (int)PyUnicode_Tailmatch(path, prefix, 0, end, -1) : 0;
        if (found == 1) {
            Py_ssize_t slash = PyUnicode_FindChar(path, '/', begin, end, 1);
            found = slash == -2 ? -1 : slash == -1;
        }
    }
    Py_XDECREF(database);
    Py_XDECREF(path);
    return found;
}

/* A new reference to what an attribute holds; NULL without an exception where the document is left to the plain model. */
static PyObject *held(PyObject *parts, PyObject *attribute, PyObject *fields)
{
    PyObject *value = PyDict_GetItemWithError(fields, PyTuple_GET_ITEM(attribute, FIELD));
    if (!value && PyErr_Occurred())
        return NULL;
    if (!value)
        value = PyTuple_GET_ITEM(attribute, DEFAULT);
    PyObject *read = PyTuple_GET_ITEM(attribute, READ);
    if (read == Py_None)
        return PyList_CheckExact(value) || PyDict_CheckExact(value) ? NULL : Py_NewRef(value);
    int same = stays(PART(REFERENCE), value, PyTuple_GET_ITEM(attribute, PREFIX));
    return same < 0 ? NULL : same ? Py_NewRef(value) : PyObject_CallOneArg(read, value);
}

/* A new object, or NULL: without an exception where it is left to the plain model. */
static PyObject *filled(PyObject *parts, PyObject *path, PyObject *fields)
{
    PyObject *none = PyTuple_New(0);
    PyObject *made = none ? PyBaseObject_Type.tp_new((PyTypeObject *)PART(CLS), none, NULL) : NULL;
    Py_XDECREF(none);
    if (!made)
        return NULL;
    fill(made, PART(PATH_SLOT), path);
    fill(made, PART(FIELDS_SLOT), fields);
    PyObject *attributes = PART(ATTRIBUTES);
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(attributes); n++) {
        PyObject *attribute = PyTuple_GET_ITEM(attributes, n), *value = held(parts, attribute, fields);
        if (!value) {
            Py_DECREF(made);
            return NULL;
        }
        fill(made, PyTuple_GET_ITEM(attribute, SLOT), value);
        Py_DECREF(value);
    }
    return made;
}

/* make(path, fields) */
static PyObject *make(PyObject *parts, PyObject *const *given, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "make takes a path and fields");
        return NULL;
    }
    PyObject *path = given[0], *fields = given[1];
    int shared = (PyObject *)Py_TYPE(fields) == PART(FIELDS);
    if (shared) {
        PyObject *made = PyObject_GetAttr(fields, name_made);
        if (!made || (PyObject *)Py_TYPE(made) == PART(CLS))
            return made;
        Py_DECREF(made);
    }
    PyObject *made = PyDict_Check(fields) ? filled(parts, path, fields) : NULL;
    if (!made)
        return PyErr_Occurred() ? NULL : PyObject_CallFunctionObjArgs(PART(MODEL), path, fields, NULL);
    if (shared && PyObject_SetAttr(fields, name_made, made) < 0)
        Py_CLEAR(made);
    return made;
}

static PyMethodDef make_method = {"make", (PyCFunction)(void (*)(void))make, METH_FASTCALL, "(path, fields) -> object."};

static int is_slot(PyObject *descriptor, PyObject *cls)
{
    return Py_IS_TYPE(descriptor, &PyMemberDescr_Type) && (PyObject *)PyDescr_TYPE(descriptor) == cls &&
           ((PyMemberDescrObject *)descriptor)->d_member->type == T_OBJECT_EX;
}

static int is_attribute(PyObject *attribute, PyObject *cls)
{
    if (!PyTuple_CheckExact(attribute) || PyTuple_GET_SIZE(attribute) != ATTRIBUTE_PARTS)
        return 0;
    PyObject *prefix = PyTuple_GET_ITEM(attribute, PREFIX);
    return is_slot(PyTuple_GET_ITEM(attribute, SLOT), cls) && PyUnicode_Check(PyTuple_GET_ITEM(attribute, FIELD)) &&
           (prefix == Py_None || PyUnicode_Check(prefix));
}

PyObject *native_maker(PyObject *module, PyObject *parts)
{
    int good = PyTuple_CheckExact(parts) && PyTuple_GET_SIZE(parts) == PARTS && PyType_Check(PART(FIELDS)) &&
               PyType_Check(PART(REFERENCE)) && PyType_Check(PART(CLS)) && PyTuple_CheckExact(PART(ATTRIBUTES)) &&
               is_slot(PART(PATH_SLOT), PART(CLS)) && is_slot(PART(FIELDS_SLOT), PART(CLS));
    for (Py_ssize_t n = 0; good && n < PyTuple_GET_SIZE(PART(ATTRIBUTES)); n++)
        good = is_attribute(PyTuple_GET_ITEM(PART(ATTRIBUTES), n), PART(CLS));
    if (good)
        return PyCFunction_New(&make_method, parts);
    PyErr_SetString(PyExc_TypeError, "maker takes (Fields, Reference, cls, model, attributes, path, _fields)");
    return NULL;
}
