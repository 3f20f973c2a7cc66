/* Changes of a feed as events for ingest: without what they would be in between. */
#include "slices.h"

enum { PATH, BEFORE, AFTER, CHANGE_VERSION, TIME, PREVIOUS, CHANGE_PARTS };

static Said put_moment(Coder *coder, PyObject *time)
{
    int64_t micros;
    if (time == Py_None)
        return put(coder, time, 0);
    Said said = micros_of(time, &micros);
    return said == DONE ? put_number(coder, micros) : said;
}

/* What stands behind the head of an event. */
static Said put_event(Coder *coder, PyObject *change)
{
    static const int parts[] = {CHANGE_VERSION, AFTER, TIME, PREVIOUS};
    Said said = DONE;
    for (int n = 0; said == DONE && n < 4; n++) {
        PyObject *part = PyTuple_GET_ITEM(change, parts[n]);
        said = parts[n] == TIME ? put_moment(coder, part) : put(coder, part, 1);
    }
    return said;
}

PyObject *native_keyed_event(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    enum { GEOPOINT, REFERENCE, VECTOR, OTHERWISE, HEAD, CHANGE, COUNT };
    static const uint8_t bytes[] = {HEAD};
    if (!are_given(args, count, COUNT, bytes, sizeof bytes))
        return NULL;
    PyObject *change = args[CHANGE], *found = NULL;
    Coder coder = {.geopoint = args[GEOPOINT], .reference = args[REFERENCE], .vector = args[VECTOR]};
    Slice head = raw_of(args[HEAD]);
    int well = PyTuple_Check(change) && PyTuple_GET_SIZE(change) == CHANGE_PARTS &&
               PyUnicode_Check(PyTuple_GET_ITEM(change, PATH));
    if (!buffer_reserve(&coder.out, ENOUGH))
        return PyErr_NoMemory();
    Said said = well ? put(&coder, PyTuple_GET_ITEM(change, PATH), 0) : ODD;
    size_t key = coder.out.size;
    if (said == DONE)
        said = buffer_add(&coder.out, head.at, size_of(head)) ? put_event(&coder, change) : out_of_room();
    if (said == DONE) {
        const char *data = (const char *)coder.out.data;
        found = Py_BuildValue("(y#y#)", data, (Py_ssize_t)key, data + key, (Py_ssize_t)(coder.out.size - key));
    } else if (said == ODD)
        found = PyObject_CallOneArg(args[OTHERWISE], change);
    buffer_free(&coder.out);
    return found;
}
