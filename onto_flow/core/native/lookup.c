/* model.rows.Lookup.get: the document that a reference or another document names; what was looked up is noted. */
#include "core.h"

static Py_ssize_t lookup_documents, lookup_seen, reference_path, reference_database;
static PyObject *reference, *path_of;

static PyObject *get(PyObject *self, PyObject *document)
{
    PyObject *seen = SLOT(self, lookup_seen), *documents = SLOT(self, lookup_documents), *path, *found;
    if ((PyObject *)Py_TYPE(document) == reference && SLOT(document, reference_database) == Py_None &&
        SLOT(document, reference_path))
        path = Py_NewRef(SLOT(document, reference_path));
    else if (!(path = PyObject_CallOneArg(path_of, document)))
        return NULL;
    if (!PyList_CheckExact(seen) || !is_map(documents) || PyList_Append(seen, path) < 0)
        found = PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "a look-up has a list and a dict");
    else if (value_of(documents, path, &found) == 0 && !found)
        found = Py_NewRef(Py_None);
    Py_DECREF(path);
    return found;
}

static PyMethodDef get_method = {"get", get, METH_O, "(document) -> see model.store.Many."};

PyObject *native_lookup(PyObject *module, PyObject *args)
{
    PyObject *lookup, *cls, *function;
    if (!PyArg_ParseTuple(args, "O!OO", &PyType_Type, &lookup, &cls, &function))
        return NULL;
    Slot slots[] = {
        {&lookup_documents, lookup, "documents"},
        {&lookup_seen, lookup, "seen"},
        {&reference_path, cls, "path"},
        {&reference_database, cls, "database"},
        {NULL},
    };
    if (!slots_of(slots))
        return NULL;
    Py_XSETREF(reference, Py_NewRef(cls));
    Py_XSETREF(path_of, Py_NewRef(function));
    return PyDescr_NewMethod((PyTypeObject *)lookup, &get_method);
}
