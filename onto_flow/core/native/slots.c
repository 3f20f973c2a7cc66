/* Slots of Python's classes, read and written without their descriptors. */
#include "core.h"

#include <structmember.h>

Py_ssize_t slot_of(PyObject *cls, const char *name)
{
    PyObject *found = PyObject_GetAttrString(cls, name);
    if (!found)
        return -1;
    Py_ssize_t offset = -1;
    if (Py_TYPE(found) == &PyMemberDescr_Type && ((PyMemberDescrObject *)found)->d_member->type == T_OBJECT_EX)
        offset = ((PyMemberDescrObject *)found)->d_member->offset;
    else
        PyErr_Format(PyExc_TypeError, "%s is no slot", name);
    Py_DECREF(found);
    return offset;
}

int slots_of(const Slot *slots)
{
    for (; slots->offset; slots++)
        if ((*slots->offset = slot_of(slots->cls, slots->name)) < 0)
            return 0;
    return 1;
}

int names_of(const Name *names)
{
    for (; names->text; names++)
        if (!*names->text && !(*names->text = PyUnicode_InternFromString(names->name)))
            return 0;
    return 1;
}
