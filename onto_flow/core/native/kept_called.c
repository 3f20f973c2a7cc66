/* Filters, UDFs and getters of a KeptView that are called with its documents: no scope is built for them (model.kept). */
#include "core.h"

static Py_ssize_t view_program, view_slots, view_rows, program_names, program_many, program_required, program_filters,
    program_classes, attribute_needs, attribute_call, attribute_reads, rows_rest, many_documents;
static PyObject *many_type, *name_store;

/* An object of a class, of which nothing is set. */
static PyObject *blank(PyObject *cls)
{
    PyObject *none = PyTuple_New(0), *made = none ? PyBaseObject_Type.tp_new((PyTypeObject *)cls, none, NULL) : NULL;
    Py_XDECREF(none);
    return made;
}

/* A slot as user code sees it. */
static PyObject *seen(PyObject *view, Py_ssize_t slot)
{
    PyObject *slots = SLOT(view, view_slots), *many = SLOT(SLOT(view, view_program), program_many);
    if (slot < 0 || slot >= PyList_GET_SIZE(slots)) {
        PyErr_SetString(PyExc_IndexError, "no such slot");
        return NULL;
    }
    PyObject *documents = PyList_GET_ITEM(slots, slot), *path, *found = Py_None;
    if (PyTuple_GET_ITEM(many, slot) != Py_True) {
        Py_ssize_t first = 0;
        map_next(documents, &first, &path, &found);
        return Py_NewRef(found);
    }
    if ((found = blank(many_type)))
        SLOT(found, many_documents) = Py_NewRef(documents);
    return found;
}

PyObject *core_row_values(PyObject *rows)
{
    PyObject *elements = core_row_elements(rows);
    return PyList_GetSlice(elements, 0, PyList_GET_SIZE(elements));
}

/* What a UDF takes: all elements of rows that are kept, or a slot; NULL without an exception: it is something else. */
static PyObject *needed(PyObject *view, PyObject *need)
{
    long place = PyLong_AsLong(PyTuple_GET_ITEM(need, 1)), slot = PyLong_AsLong(PyTuple_GET_ITEM(need, 2));
    PyObject *rows = place < 0 ? Py_None : PyList_GET_ITEM(SLOT(view, view_rows), place);
    if (place < 0)
        return slot < 0 ? NULL : seen(view, slot);
    return rows == Py_None || SLOT(core_row_program(rows), rows_rest) != Py_None ? NULL : core_row_values(rows);
}

enum { NEEDS = 8 };

/* Calls a function with what is needed, or with slots; NULL without an exception: that is not to be had here. */
static PyObject *call_with(PyObject *view, PyObject *call, PyObject *given, int are_slots)
{
    PyObject *arguments[NEEDS], *found = NULL;
    Py_ssize_t count = PyTuple_GET_SIZE(given), made = 0;
    if (call == Py_None || !count || count > NEEDS)
        return NULL;
    for (; made < count; made++) {
        PyObject *one = PyTuple_GET_ITEM(given, made);
        if (!(arguments[made] = are_slots ? seen(view, PyLong_AsSsize_t(one)) : needed(view, one)))
            break;
    }
    if (made == count)
        found = PyObject_Vectorcall(call, arguments, (size_t)count, NULL);
    while (made > 0)
        Py_DECREF(arguments[--made]);
    return found;
}

PyObject *core_udf(PyObject *view, PyObject *attribute)
{
    return call_with(view, SLOT(attribute, attribute_call), SLOT(attribute, attribute_needs), 0);
}

/* The view as a getter sees it which reads slots alone: it has these slots. */
static int show_slots(Reading *reading, PyObject *view, PyObject *slots)
{
    PyObject *program = SLOT(view, view_program), *classes = SLOT(program, program_classes);
    if (!reading->self) {
        reading->store = blank(PyTuple_GET_ITEM(classes, 1));
        reading->self = reading->store ? blank(PyTuple_GET_ITEM(classes, 0)) : NULL;
        if (!reading->self || PyObject_GenericSetAttr(reading->self, name_store, reading->store) < 0)
            return -1;
    }
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(slots); n++) {
        Py_ssize_t slot = PyLong_AsSsize_t(PyTuple_GET_ITEM(slots, n));
        if (reading->has >> slot & 1)
            continue;
        PyObject *found = seen(view, slot), *name = PyTuple_GET_ITEM(SLOT(program, program_names), slot);
        int done = found ? PyObject_GenericSetAttr(reading->store, name, found) : -1;
        Py_XDECREF(found);
        if (done < 0)
            return -1;
        reading->has |= 1LL << slot;
    }
    return 0;
}

PyObject *core_getter(Reading *reading, PyObject *view, PyObject *attribute)
{
    PyObject *slots = SLOT(attribute, attribute_reads);
    if (!PyTuple_GET_SIZE(slots) || show_slots(reading, view, slots) < 0)
        return NULL;
    return PyObject_CallOneArg(SLOT(attribute, attribute_call), reading->self);
}

void core_has_read(Reading *reading)
{
    Py_XDECREF(reading->self);
    Py_XDECREF(reading->store);
}

int core_passes(PyObject *view, long long dirty)
{
    PyObject *program = SLOT(view, view_program), *required = SLOT(program, program_required);
    PyObject *slots = SLOT(view, view_slots), *filters = SLOT(program, program_filters);
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(required); n++)
        if (!map_size(PyList_GET_ITEM(slots, PyLong_AsSsize_t(PyTuple_GET_ITEM(required, n)))))
            return 0;
    for (Py_ssize_t n = 0; n < PyList_GET_SIZE(filters); n++) {
        PyObject *filter = PyList_GET_ITEM(filters, n);
        if (!(PyLong_AsLongLong(PyTuple_GET_ITEM(filter, 0)) & dirty))
            continue;
        PyObject *said = call_with(view, PyTuple_GET_ITEM(filter, 2), PyTuple_GET_ITEM(filter, 3), 1);
        if (!said)
            return PyErr_Occurred() ? -1 : ASKS_A_SCOPE;
        int passes = PyObject_IsTrue(said);
        Py_DECREF(said);
        if (passes != 1)
            return passes;
    }
    return 1;
}

int core_called(PyObject *view, PyObject *program, PyObject *attribute, PyObject *rows, PyObject *many)
{
    Slot slots[] = {
        {&view_program, view, "_program"},
        {&view_slots, view, "_slots"},
        {&view_rows, view, "_rows"},
        {&program_names, program, "names"},
        {&program_many, program, "many"},
        {&program_required, program, "required"},
        {&program_filters, program, "filters"},
        {&program_classes, program, "classes"},
        {&attribute_needs, attribute, "needs"},
        {&attribute_call, attribute, "call"},
        {&attribute_reads, attribute, "reads"},
        {&rows_rest, rows, "rest"},
        {&many_documents, many, "_by_path"},
        {NULL},
    };
    Name names[] = {{&name_store, "store"}, {NULL}};
    if (!slots_of(slots) || !names_of(names))
        return 0;
    Py_XSETREF(many_type, Py_NewRef(many));
    return 1;
}
