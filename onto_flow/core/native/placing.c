/* operators.drained.placing where nothing is under way: documents come to what is kept of a root, and go from it. */
#include "core.h"

/* place(record, root, messages, stage) */
enum { RECORD, ROOT, MESSAGES, STAGE };

/* What is known of a view all of whose slots but the root are `via` slots of all their documents: how many registers a step may
   look through (0: all), the slots but the root, and what gives of a path its slots: (index, ((code, child), ...)). */
enum { MOST, VIA, SLOTS_OF, STAGE_PARTS };
enum { T_OF_FIELDS, T_OF_DOC, T_OF_TOLD, T_OF_ANSWER, T_OF_RECORD, TYPES };
#define OF(n) PyTuple_GET_ITEM(types, n)
#define FIELDS_OF(doc) PyTuple_GET_ITEM(doc, 1)

enum { LEFT, PLACED, HALF };

static Py_ssize_t record_open, record_failed, record_behind, record_written, record_asked;
static PyObject *name_put, *name_drop, *name_settle;

static int fail(int done) { return done < 0 ? -1 : 0; }

static int is_doc(PyObject *types, PyObject *held) { return (PyObject *)Py_TYPE(held) == OF(T_OF_DOC); }

/* Whether messages tell of members only, and the root stays. */
static int takes(PyObject *types, PyObject *root, PyObject *messages)
{
    for (Py_ssize_t n = 0; n < PyList_GET_SIZE(messages); n++) {
        PyObject *message = PyList_GET_ITEM(messages, n), *kind = (PyObject *)Py_TYPE(message);
        if (kind == OF(T_OF_TOLD)) {
            PyObject *doc = PyTuple_GET_ITEM(message, 1);
            int is_root = PyObject_RichCompareBool(PyTuple_GET_ITEM(message, 0), root, Py_EQ);
            if (is_root < 0 || !is_doc(types, doc) || (is_root && FIELDS_OF(doc) == Py_None))
                return fail(is_root);
        } else if (kind != OF(T_OF_ANSWER) || PyTuple_GET_SIZE(PyTuple_GET_ITEM(message, 4))) {
            return 0;
        }
    }
    return 1;
}

/* Whether a record is at rest, and shows a root that is there. */
static int is_at_rest(PyObject *types, PyObject *record, PyObject *root, Py_ssize_t most)
{
    PyObject *reg = SLOT(record, record_reg), *held;
    if (SLOT(record, record_failed) != Py_False || SLOT(record, record_behind) != Py_False || !is_map(reg) ||
        !is_map(SLOT(record, record_open)) || (most && map_size(reg) > most) || value_of(reg, root, &held) < 0)
        return fail(PyErr_Occurred() ? -1 : 0);
    int is = held && is_doc(types, held) && FIELDS_OF(held) != Py_None;
    Py_XDECREF(held);
    return is;
}

/* Record.told */
static int told(PyObject *types, PyObject *reg, PyObject *path, PyObject *doc)
{
    PyObject *held;
    if (value_of(reg, path, &held) < 0)
        return -1;
    int news = 1;
    if (held) {
        news = is_newer(PyTuple_GET_ITEM(doc, 0), PyTuple_GET_ITEM(held, 0));
        int was_gone = FIELDS_OF(held) == Py_None && PyTuple_GET_ITEM(held, 2) != Py_None;
        int gone = FIELDS_OF(doc) == Py_None && PyTuple_GET_ITEM(doc, 2) != Py_None;
        if (!news && was_gone && !gone)
            news = PyObject_RichCompareBool(PyTuple_GET_ITEM(doc, 0), PyTuple_GET_ITEM(held, 0), Py_EQ);
    }
    Py_XDECREF(held);
    return news == 1 ? map_set(reg, path, doc) : news;
}

/* What is open of a slot, with a weight added for a key. */
static int weigh(PyObject *record, PyObject *slot, PyObject *key, PyObject *added)
{
    PyObject *open = SLOT(record, record_open), *keys, *weight = NULL, *sum = NULL;
    if (value_of(open, slot, &keys) < 0)
        return -1;
    int done = -1;
    if (!keys && (!(keys = PocketType.tp_alloc(&PocketType, 0)) || map_set(open, slot, keys) < 0))
        goto done;
    if (value_of(keys, key, &weight) < 0 || !(sum = weight ? PyNumber_Add(weight, added) : Py_NewRef(added)))
        goto done;
    int some = PyObject_IsTrue(sum);
    if (some)
        done = some < 0 ? -1 : map_set(keys, key, sum);
    else
        done = weight ? map_delete(keys, key) : 0;
    if (done == 0 && !map_size(keys))
        done = map_delete(open, slot);
done:
    Py_XDECREF(keys);
    Py_XDECREF(weight);
    Py_XDECREF(sum);
    return done;
}

/* What changes of what a record asks for is remembered where the record was written down. */
static int note_asked(PyObject *record, PyObject *slot, PyObject *key, PyObject *weight)
{
    if (SLOT(record, record_written) == Py_None || PyObject_Not(weight))
        return 0;
    if (SLOT(record, record_asked) == Py_None) {
        PyObject *asked = PyList_New(0);
        if (!asked)
            return -1;
        Py_SETREF(SLOT(record, record_asked), asked);
    }
    PyObject *asked = SLOT(record, record_asked);
    return PyList_Append(asked, slot) < 0 || PyList_Append(asked, key) < 0 ? -1 : 0;
}

/* Takes an answer into the record; what it names, too. */
static int answered(PyObject *types, PyObject *record, PyObject *answer, PyObject *named)
{
    PyObject *key = PyTuple_GET_ITEM(answer, 1), *weight = PyTuple_GET_ITEM(answer, 2), *members = PyTuple_GET_ITEM(answer, 3);
    if (note_asked(record, PyTuple_GET_ITEM(answer, 0), key, weight) < 0 || weigh(record, PyTuple_GET_ITEM(answer, 0), key, weight) < 0)
        return -1;
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(members); n++) {
        PyObject *path = PyTuple_GET_ITEM(PyTuple_GET_ITEM(members, n), 0), *doc = PyTuple_GET_ITEM(PyTuple_GET_ITEM(members, n), 1);
        if (told(types, SLOT(record, record_reg), path, doc) < 0 || PyDict_SetItem(named, path, Py_None) < 0)
            return -1;
    }
    int names = PyObject_IsTrue(weight);
    return names == 1 ? PyDict_SetItem(named, key, Py_None) : names;
}

static int is_open(PyObject *record, PyObject *slot, PyObject *key)
{
    PyObject *keys, *weight = NULL;
    if (value_of(SLOT(record, record_open), slot, &keys) < 0)
        return -1;
    int is = keys && value_of(keys, key, &weight) < 0 ? -1 : weight != NULL;
    if (is == 1)
        is = PyLong_AsLong(weight) > 0;
    Py_XDECREF(keys);
    Py_XDECREF(weight);
    return is;
}

/* Whether all that a document asks for is open; 0 also where its keys do not travel with it. */
static int is_settled(PyObject *types, PyObject *record, PyObject *children, PyObject *fields)
{
    if (!PyTuple_GET_SIZE(children))
        return 1;
    if ((PyObject *)Py_TYPE(fields) != OF(T_OF_FIELDS))
        return 0;
    PyObject *joined = PyObject_GetAttr(fields, name_joined);
    int settled = joined ? PyTuple_Check(joined) && PyTuple_GET_SIZE(joined) : -1;
    for (Py_ssize_t n = 0; settled == 1 && n < PyTuple_GET_SIZE(children); n++) {
        PyObject *child = PyTuple_GET_ITEM(children, n);
        PyObject *at = PyDict_GetItemWithError(PyTuple_GET_ITEM(joined, 0), PyTuple_GET_ITEM(child, 0));
        PyObject *keys = at ? PyTuple_GET_ITEM(joined, PyLong_AsSsize_t(at)) : NULL, *open = NULL, *weight;
        settled = !keys ? fail(PyErr_Occurred() ? -1 : 0) : value_of(SLOT(record, record_open), PyTuple_GET_ITEM(child, 1), &open) < 0 ? -1 : 1;
        for (Py_ssize_t k = 0; settled == 1 && k < PyTuple_GET_SIZE(keys); k++) {
            settled = !open ? 0 : value_of(open, PyTuple_GET_ITEM(keys, k), &weight) < 0 ? -1 : weight != NULL;
            if (settled == 1) {
                settled = PyLong_AsLong(weight) > 0;
                Py_DECREF(weight);
            }
        }
        Py_XDECREF(open);
    }
    Py_XDECREF(joined);
    return settled;
}

/* Whether a `via` slot has a key open that is this path. */
static int is_asked_for(PyObject *record, PyObject *via, PyObject *path)
{
    int asked = 0;
    for (Py_ssize_t n = 0; !asked && n < PyTuple_GET_SIZE(via); n++)
        asked = is_open(record, PyTuple_GET_ITEM(via, n), path);
    return asked;
}

static int call(PyObject *kept, PyObject *name, PyObject *slot, PyObject *path, PyObject *fields)
{
    PyObject *said = PyObject_CallMethodObjArgs(kept, name, slot, path, fields, NULL);
    Py_XDECREF(said);
    return said ? 0 : -1;
}

/* Placing._place; PLACED, HALF or -1. */
static int place_one(PyObject *types, PyObject *const *given, PyObject *path)
{
    PyObject *record = given[RECORD], *stage = given[STAGE], *kept = SLOT(record, record_kept), *doc;
    if (value_of(SLOT(record, record_reg), path, &doc) < 0 || !doc)
        return PyErr_Occurred() ? -1 : PLACED;
    PyObject *fields = FIELDS_OF(doc), *slots = PyObject_CallOneArg(PyTuple_GET_ITEM(stage, SLOTS_OF), path);
    int is_root = PyObject_RichCompareBool(path, given[ROOT], Py_EQ), done = slots && is_root >= 0 ? PLACED : -1;
    for (Py_ssize_t n = 0; done == PLACED && n < PyTuple_GET_SIZE(slots); n++) {
        PyObject *slot = PyTuple_GET_ITEM(PyTuple_GET_ITEM(slots, n), 0), *children = PyTuple_GET_ITEM(PyTuple_GET_ITEM(slots, n), 1);
        long index = PyLong_AsLong(slot);
        int belongs = fields == Py_None ? 0 : !index ? is_root : is_open(record, slot, path);
        int settled = belongs == 1 ? is_settled(types, record, children, fields) : belongs < 0 ? -1 : 1;
        if (settled != 1)
            done = settled < 0 ? -1 : HALF;
        else if (belongs)
            done = call(kept, name_put, slot, path, fields) < 0 ? -1 : PLACED;
        else if (index)
            done = call(kept, name_drop, slot, path, NULL) < 0 ? -1 : PLACED;
    }
    if (done == PLACED && !is_root) {
        int asked = is_asked_for(record, PyTuple_GET_ITEM(stage, VIA), path), gone = fields == Py_None && PyTuple_GET_ITEM(doc, 2) != Py_None;
        if (asked < 0 || ((!asked || gone) && map_delete(SLOT(record, record_reg), path) < 0))
            done = -1;
        else if (asked && gone)
            done = HALF;
    }
    Py_DECREF(doc);
    Py_XDECREF(slots);
    return done;
}

/* Where the order of documents cannot be told, all is found anew. */
static int settle(PyObject *kept)
{
    PyObject *said = PyObject_CallMethodNoArgs(kept, name_settle);
    if (!said && !PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    PyErr_Clear();
    Py_XDECREF(said);
    return said ? PLACED : HALF;
}

static int place_all(PyObject *types, PyObject *const *given)
{
    PyObject *messages = given[MESSAGES], *named = PyDict_New(), *path, *none;
    int done = named ? PLACED : -1;
    for (Py_ssize_t n = 0; done == PLACED && n < PyList_GET_SIZE(messages); n++) {
        PyObject *message = PyList_GET_ITEM(messages, n);
        if ((PyObject *)Py_TYPE(message) == OF(T_OF_ANSWER)) {
            done = answered(types, given[RECORD], message, named) < 0 ? -1 : PLACED;
        } else {
            PyObject *about = PyTuple_GET_ITEM(message, 0);
            if (told(types, SLOT(given[RECORD], record_reg), about, PyTuple_GET_ITEM(message, 1)) < 0 ||
                PyDict_SetItem(named, about, Py_None) < 0)
                done = -1;
        }
    }
    for (Py_ssize_t at = 0; done == PLACED && PyDict_Next(named, &at, &path, &none);)
        done = place_one(types, given, path);
    Py_XDECREF(named);
    return done == PLACED ? settle(SLOT(given[RECORD], record_kept)) : done;
}

static PyObject *place(PyObject *types, PyObject *const *given, Py_ssize_t count)
{
    if (count != 4 || (PyObject *)Py_TYPE(given[RECORD]) != OF(T_OF_RECORD) || !PyList_CheckExact(given[MESSAGES]) ||
        !PyTuple_CheckExact(given[STAGE]) || PyTuple_GET_SIZE(given[STAGE]) != STAGE_PARTS) {
        PyErr_SetString(PyExc_TypeError, "place takes a record, its root, messages and a stage");
        return NULL;
    }
    Py_ssize_t most = PyLong_AsSsize_t(PyTuple_GET_ITEM(given[STAGE], MOST));
    int done = SLOT(given[RECORD], record_kept) == Py_None ? 0 : takes(types, given[ROOT], given[MESSAGES]);
    if (done == 1)
        done = is_at_rest(types, given[RECORD], given[ROOT], most);
    if (done == 1)
        done = place_all(types, given);
    return done < 0 ? NULL : PyLong_FromLong(done);
}

static PyMethodDef place_method = {"place", (PyCFunction)(void (*)(void))place, METH_FASTCALL,
                                   "(record, root, messages, stage) -> 0: left to the step, 1: placed, 2: all must be found anew."};

PyObject *native_place(PyObject *module, PyObject *types)
{
    PyObject *made = with_types(&place_method, types, TYPES);
    if (!made)
        return NULL;
    PyObject *record = OF(T_OF_RECORD);
    Slot slots[] = {
        {&record_open, record, "open"},
        {&record_failed, record, "failed"},
        {&record_behind, record, "behind"},
        {&record_written, record, "written"},
        {&record_asked, record, "asked"},
        {NULL},
    };
    Name names[] = {{&name_put, "put"}, {&name_drop, "drop"}, {&name_settle, "settle"}, {NULL}};
    if (!slots_of(slots) || !names_of(names) || !core_state_slots(OF(T_OF_FIELDS), record))
        Py_CLEAR(made);
    return made;
}
