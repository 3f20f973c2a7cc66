/* What the drained stages share: cells, messages, queues. */
#include "core.h"

PyObject *name_joined, *name_made, *name_document, *name_docs, *name_subs, *name_round, *name_record, *name_reg,
    *name_kept, *name_last, *name_seq, *name_replace, *name_shown, *name_ingest, *name_database, *name_path, *name_left;

static const struct {
    PyObject **place;
    const char *text;
} NAMES[] = {
    {&name_joined, "joined"}, {&name_made, "made"},   {&name_document, "document"}, {&name_docs, "docs"},
    {&name_subs, "subs"},     {&name_round, "round"}, {&name_record, "record"},     {&name_reg, "reg"},
    {&name_kept, "kept"},     {&name_last, "last"},   {&name_seq, "seq"},           {&name_replace, "replace"},
    {&name_shown, "shown"},   {&name_database, "database"}, {&name_path, "path"},
    {&name_ingest, "ingest"}, {&name_left, "left"},
};

int core_names(void)
{
    for (size_t n = 0; n < sizeof NAMES / sizeof *NAMES; n++)
        if (!*NAMES[n].place && !(*NAMES[n].place = PyUnicode_InternFromString(NAMES[n].text)))
            return -1;
    return 0;
}

Py_ssize_t fields_joined, fields_made, record_reg, record_kept, record_last;

int core_state_slots(PyObject *fields, PyObject *record)
{
    Slot slots[] = {
        {&fields_joined, fields, "joined"}, {&fields_made, fields, "made"}, {&record_reg, record, "reg"},
        {&record_kept, record, "kept"},     {&record_last, record, "last"}, {NULL},
    };
    return slots_of(slots);
}

int value_of(PyObject *map, PyObject *key, PyObject **found)
{
    *found = NULL;
    if (Py_TYPE(map) == &PocketType)
        return pocket_get(map, key, found);
    if (PyDict_Check(map)) {
        *found = PyDict_GetItemWithError(map, key);
        Py_XINCREF(*found);
        return *found || !PyErr_Occurred() ? 0 : -1;
    }
    *found = PyObject_GetItem(map, key);
    if (*found)
        return 0;
    if (!PyErr_ExceptionMatches(PyExc_KeyError))
        return -1;
    PyErr_Clear();
    return 0;
}

int cell_of(PyObject *cells, PyObject *name, PyObject **found)
{
    if ((Py_TYPE(cells) == &CellsType ? cells_get(cells, name, found) : value_of(cells, name, found)) < 0)
        return -1;
    if (*found == Py_None)
        Py_CLEAR(*found);
    return 0;
}

int is_map(PyObject *map) { return Py_TYPE(map) == &PocketType || PyDict_Check(map); }

int map_set(PyObject *map, PyObject *key, PyObject *value)
{
    if (Py_TYPE(map) == &PocketType)
        return pocket_set(map, key, value);
    return PyDict_CheckExact(map) ? PyDict_SetItem(map, key, value) : PyObject_SetItem(map, key, value);
}

int map_next(PyObject *map, Py_ssize_t *at, PyObject **key, PyObject **value)
{
    return Py_TYPE(map) == &PocketType ? pocket_next(map, at, key, value) : PyDict_Next(map, at, key, value);
}

Py_ssize_t map_size(PyObject *map)
{
    return Py_TYPE(map) == &PocketType ? pocket_size(map) : PyDict_GET_SIZE(map);
}

int map_delete(PyObject *map, PyObject *key)
{
    if (Py_TYPE(map) == &PocketType)
        return pocket_delete(map, key);
    return PyDict_CheckExact(map) ? PyDict_DelItem(map, key) : PyObject_DelItem(map, key);
}

int map_contains(PyObject *map, PyObject *key)
{
    PyObject *found;
    int done = value_of(map, key, &found) < 0 ? -1 : found != NULL;
    Py_XDECREF(found);
    return done;
}

PyObject *map_key(PyObject *map, PyObject *key)
{
    return Py_NewRef(Py_TYPE(map) == &PocketType ? pocket_key(map, key) : key);
}

PyObject *map_of_one(PyObject *key, PyObject *value)
{
    PyObject *made = PocketType.tp_alloc(&PocketType, 0);
    if (made && pocket_set(made, key, value) < 0)
        Py_CLEAR(made);
    return made;
}

PyObject *record_of(PyObject *type, Py_ssize_t size, PyObject **parts)
{
    PyObject *made = ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, size);
    if (!made)
        return NULL;
    for (Py_ssize_t n = 0; n < size; n++)
        PyTuple_SET_ITEM(made, n, Py_NewRef(parts[n]));
    return made;
}

int send_to(PyObject *queue, PyObject *key, PyObject *message)
{
    PyObject *waiting = PyDict_GetItemWithError(queue, key);
    if (waiting)
        return PyList_Append(waiting, message);
    if (PyErr_Occurred())
        return -1;
    waiting = PyList_New(1);
    if (!waiting)
        return -1;
    PyList_SET_ITEM(waiting, 0, Py_NewRef(message));
    int done = PyDict_SetItem(queue, key, waiting);
    Py_DECREF(waiting);
    return done;
}

int send_to_operator(PyObject *queues, PyObject *operator, PyObject *key, PyObject *message)
{
    PyObject *queue = PyDict_GetItemWithError(queues, operator);
    if (queue && PyDict_Check(queue))
        return send_to(queue, key, message);
    if (!PyErr_Occurred())
        PyErr_SetObject(PyExc_KeyError, operator);
    return -1;
}

int tell_by_message(PyObject *types, PyObject *queues, PyObject *operator, PyObject *key, PyObject *path, PyObject *doc,
                    PyObject **told)
{
    if (!*told && !(*told = record_of(TYPE(T_TOLD), 2, (PyObject *[]){path, doc})))
        return -1;
    return send_to_operator(queues, operator, key, *told) < 0 ? -1 : 1;
}

PyObject *subscription(PyObject *type, PyObject *root, long weight)
{
    PyObject *pair = Py_BuildValue("((Ol))", root, weight);
    PyObject *made = pair ? record_of(type, 1, &pair) : NULL;
    Py_XDECREF(pair);
    return made;
}

int note(PyObject *changed, PyObject *key) { return changed == Py_None ? 0 : PySet_Add(changed, key); }

int cell_set(PyObject *cells, PyObject *name, PyObject *value)
{
    return Py_TYPE(cells) == &CellsType ? cells_set(cells, name, value) : PyObject_SetItem(cells, name, value);
}

int triple_of(PyObject *cells, PyObject *name, PyObject *parts[3])
{
    if (Py_TYPE(cells) == &CellsType)
        return cells_triple(cells, name, parts);
    PyObject *found;
    if (cell_of(cells, name, &found) < 0)
        return -1;
    int is = found && PyTuple_CheckExact(found) && PyTuple_GET_SIZE(found) == 3;
    for (int part = 0; is && part < 3; part++)
        parts[part] = Py_NewRef(PyTuple_GET_ITEM(found, part));
    Py_XDECREF(found);
    return is;
}

int is_newer(PyObject *version, PyObject *than)
{
    return version == than ? 0 : PyObject_RichCompareBool(version, than, Py_GT);
}

int same_keys(PyObject *before, PyObject *after, PyObject *fields_type, PyObject **joined)
{
    if (joined)
        *joined = NULL;
    if ((PyObject *)Py_TYPE(before) != fields_type || (PyObject *)Py_TYPE(after) != fields_type)
        return 0;
    PyObject *keys = SLOT(before, fields_joined);
    int same = keys && keys == SLOT(after, fields_joined) && PyTuple_Check(keys) && PyTuple_GET_SIZE(keys) > 0;
    if (same && joined)
        *joined = Py_NewRef(keys);
    return same;
}

PyObject *with_types(PyMethodDef *method, PyObject *types, Py_ssize_t count)
{
    if (!PyTuple_CheckExact(types) || PyTuple_GET_SIZE(types) != count) {
        PyErr_Format(PyExc_TypeError, "%s takes a tuple of %zd types", method->ml_name, count);
        return NULL;
    }
    for (Py_ssize_t n = 0; n < count; n++)
        if (!PyType_Check(PyTuple_GET_ITEM(types, n))) {
            PyErr_Format(PyExc_TypeError, "%s takes types", method->ml_name);
            return NULL;
        }
    return PyCFunction_New(method, types);
}
