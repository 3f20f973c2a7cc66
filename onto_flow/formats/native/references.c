/* References, which are met often: where their class has slots, they are set without its `__init__`, which does no more. They
   hold texts alone, so that the garbage collector has nothing to look for in them. */
#include "coder.h"

#include <structmember.h>

/* Where a slot stands in the objects of a class; 0: it is none. */
static Py_ssize_t slot_of(PyObject *cls, const char *name)
{
    PyObject *found = PyObject_GetAttrString(cls, name);
    int is_slot = found && Py_TYPE(found) == &PyMemberDescr_Type;
    Py_ssize_t at = is_slot ? ((PyMemberDescrObject *)found)->d_member->offset : 0;
    PyErr_Clear();
    Py_XDECREF(found);
    return at;
}

PyObject *new_reference(PyObject *cls, PyObject *path, PyObject *database)
{
    static PyObject *known;
    static Py_ssize_t path_at, database_at;
    if (cls != known) {
        Py_XSETREF(known, Py_NewRef(cls));
        path_at = PyType_Check(cls) ? slot_of(cls, "path") : 0;
        database_at = PyType_Check(cls) ? slot_of(cls, "database") : 0;
    }
    if (!path_at || !database_at)
        return PyObject_CallFunctionObjArgs(cls, path, database, NULL);
    PyObject *made = ((PyTypeObject *)cls)->tp_alloc((PyTypeObject *)cls, 0);
    if (!made)
        return NULL;
    *(PyObject **)((char *)made + path_at) = Py_NewRef(path);
    *(PyObject **)((char *)made + database_at) = Py_NewRef(database);
    PyObject_GC_UnTrack(made);
    return made;
}
