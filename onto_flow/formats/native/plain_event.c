/* A plain change of a document that ingest holds: its state, and what tells of it. */
#include "slices.h"

/* An event and what is held of its document; and what is called for the time, and given by the engine. */
typedef struct {
    Slice event_head, told_head, apart, state, message;
    int64_t floor;
    PyObject *key, *make, *clock, *given, *place;
} Came;

/* Whether an event is newer than the document that is held, both of them with fields. A document that was read at a time has
   rules of its own; so has the version of one that never was. */
static int follows(const Doc *event, const Doc *held, int64_t floor)
{
    Version came, known;
    return is(event->fields, MAP_) && is(held->fields, MAP_) && version_of(event->version, &came) &&
           version_of(held->version, &known) && is_above(came, known) && came.micros > floor && came.tie >= 0 &&
           known.tie >= 0 && known.micros >= 0 && (known.micros || known.tie) &&
           (is(event->keys, NONE_) || same_bytes(event->keys, held->version));
}

/* What some operators are told under a key; the message becomes theirs. */
static PyObject *outputs_of(PyObject *make, PyObject *tells, PyObject *key, PyObject *told)
{
    PyObject *keyed = told ? PyTuple_Pack(2, key, told) : NULL, *found = keyed ? PyList_New(PyTuple_GET_SIZE(tells)) : NULL;
    for (Py_ssize_t n = 0; found && n < PyTuple_GET_SIZE(tells); n++) {
        PyObject *output = output_of(make, PyTuple_GET_ITEM(tells, n), keyed);
        if (output)
            PyList_SET_ITEM(found, n, output);
        else
            Py_CLEAR(found);
    }
    Py_XDECREF(keyed);
    Py_XDECREF(told);
    return found;
}

/* Microseconds, by what has a method that says them; 0: an exception is set. */
static int moment_by(PyObject *clock, int64_t *now)
{
    static PyObject *name;
    PyObject *micros = called(clock, "micros", &name);
    if (!micros)
        return 0;
    *now = PyLong_AsLongLong(micros);
    Py_DECREF(micros);
    return *now != -1 || !PyErr_Occurred();
}

/* What tells of a document, whose state is written; `tells`: NULL where nobody is to know. */
static PyObject *taken(const Came *came, Slice version, Slice fields, PyObject *tells)
{
    static const uint8_t cell[] = {STATE_VERSION, TUPLE_, 3}, of_doc[] = {TUPLE_, 3}, no_keys[] = {TUPLE_, 0};
    uint8_t moment[10];
    int64_t now;
    if (!moment_by(came->clock, &now))
        return NULL;
    const Slice state[] = {{cell, cell + 3}, version, fields, {moment, write_int(moment, now)}};
    const Slice doc[] = {came->told_head,         raw_of(came->key), {of_doc, of_doc + 2}, version, fields,
                         {no_keys, no_keys + 2}};
    PyObject *outputs = tells ? outputs_of(came->make, tells, came->key, joined(doc, 6)) : PyList_New(0);
    PyObject *held = outputs ? joined(state, 4) : NULL;
    if (!held || !write_given(came->given, came->place, held))
        Py_CLEAR(outputs);
    Py_XDECREF(held);
    return outputs;
}

/* What is known of the collection that a key is of, which is learnt when it is first met. */
static PyObject *known_of(PyObject *collections, PyObject *learn, PyObject *key)
{
    Slice raw = raw_of(key);
    while (raw.end > raw.at && raw.end[-1] != '/')
        raw.end--;
    raw.end -= raw.end > raw.at;
    PyObject *collection = joined(&raw, 1);
    PyObject *known = collection ? Py_XNewRef(PyDict_GetItemWithError(collections, collection)) : NULL;
    if (!known && !PyErr_Occurred())
        known = PyObject_CallFunctionObjArgs(learn, collection, key, NULL);
    Py_XDECREF(collection);
    return known;
}

/* Whether that is (wanted, stays, tells); else an exception is set. */
static int is_known(PyObject *known)
{
    int well = PyTuple_Check(known) && PyTuple_GET_SIZE(known) == 3 && PyTuple_Check(PyTuple_GET_ITEM(known, 2));
    if (!well) {
        PyErr_SetString(PyExc_TypeError, "what is known of a collection is wanted, stays and tells");
        return 0;
    }
    PyObject *wanted = PyTuple_GET_ITEM(known, 0);
    return (wanted == Py_None || are_names(wanted)) && are_names(PyTuple_GET_ITEM(known, 1));
}

static PyObject *event_taken(const Came *came, PyObject *known)
{
    Slice state = came->state, message = came->message, after;
    Doc event, held;
    int64_t since;
    Buffer room = {0};
    if (!take_state(&state) || !take_tuple(&state, 3) || !take(&state, &held.version) || !take(&state, &held.fields) ||
        !take_int(&state, &since) || state.at != state.end || !take_event(&message, came->event_head, &event) ||
        !follows(&event, &held, came->floor))
        Py_RETURN_NONE;
    PyObject *wanted = PyTuple_GET_ITEM(known, 0), *stays = PyTuple_GET_ITEM(known, 1), *tells = PyTuple_GET_ITEM(known, 2);
    Said said = read_of(event.fields, wanted, came->apart, &room, &after);
    int changed = said == DONE && !same_bytes(held.fields, after);
    PyObject *found = NULL;
    if (said == ODD || (changed && !all_stay(held.fields, after, stays)))
        found = Py_NewRef(Py_None);
    else if (said == DONE)
        found = taken(came, event.version, after, changed ? tells : NULL);
    else
        PyErr_NoMemory();
    buffer_free(&room);
    return found;
}

/* By what is known of its collection. */
static PyObject *event_known(const Came *came, PyObject *collections, PyObject *learn)
{
    PyObject *known = known_of(collections, learn, came->key), *found = NULL;
    if (known == Py_None)
        return known;
    if (known && is_known(known))
        found = event_taken(came, known);
    Py_XDECREF(known);
    return found;
}

PyObject *native_plain_event(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    enum { BEGIN, EVENT_HEAD, TOLD_HEAD, APART, FLOOR, MAKE, COLLECTIONS, LEARN, CLOCK, PLACE, KEY, MESSAGE, GIVEN, COUNT };
    static const uint8_t bytes[] = {EVENT_HEAD, TOLD_HEAD, APART, KEY, MESSAGE};
    if (!are_given(args, count, COUNT, bytes, sizeof bytes))
        return NULL;
    if (!PyDict_Check(args[COLLECTIONS]))
        return PyErr_Format(PyExc_TypeError, "what is known of collections is a dictionary");
    PyObject *state = read_given(args[GIVEN], args[PLACE]), *found = NULL;
    if (!state || state == Py_None)
        return state;
    Came came = {
        .event_head = raw_of(args[EVENT_HEAD]),
        .told_head = raw_of(args[TOLD_HEAD]),
        .apart = raw_of(args[APART]),
        .state = raw_of(state),
        .message = raw_of(args[MESSAGE]),
        .floor = PyLong_AsLongLong(args[FLOOR]),
        .key = args[KEY],
        .make = args[MAKE],
        .clock = args[CLOCK],
        .given = args[GIVEN],
        .place = args[PLACE],
    };
    came.message.at += PyLong_AsSsize_t(args[BEGIN]);
    if (!PyErr_Occurred())
        found = event_known(&came, args[COLLECTIONS], args[LEARN]);
    Py_DECREF(state);
    return found;
}
