/* Changes of a feed as events for ingest, and view changes of their bytes: without what they would be in between. */
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

enum { VIEW, AT, OLD, NEW, VIEW_VERSION, FAILED_, VIEW_PARTS };

static Said get_parts(Coder *coder, Slice *rest, PyObject *made)
{
    PyObject *part;
    Twins twins;
    twins.count = twins.at = 0;
    for (int n = 0; n < VIEW_PARTS; n++) {
        coder->twins = n == OLD || n == NEW ? &twins : NULL;
        twins.copies = n == NEW;
        Said said = get(coder, rest, 1, &part);
        if (said != FOUND)
            return said;
        PyTuple_SET_ITEM(made, n, part);
    }
    return rest->at == rest->end ? FOUND : ODD;
}

PyObject *native_view_change(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    enum { GEOPOINT, REFERENCE, VECTOR, OTHERWISE, CLASS, HEAD, DATA, BEGIN };
    static const uint8_t bytes[] = {HEAD, DATA};
    if (!are_given(args, count == BEGIN ? BEGIN + 1 : count, BEGIN + 1, bytes, sizeof bytes))
        return NULL;
    PyTypeObject *type = (PyTypeObject *)args[CLASS];
    if (!PyType_Check(args[CLASS]) || !PyType_IsSubtype(type, &PyTuple_Type))
        return PyErr_Format(PyExc_TypeError, "a class of tuples is wanted");
    Coder coder = {.geopoint = args[GEOPOINT], .reference = args[REFERENCE], .vector = args[VECTOR]};
    Slice rest = raw_of(args[DATA]);
    Py_ssize_t begin = count > BEGIN ? PyLong_AsSsize_t(args[BEGIN]) : 0;
    if (begin == -1 && PyErr_Occurred())
        return NULL;
    Said said = ODD;
    PyObject *made = NULL;
    rest.at += begin >= 0 && begin < (Py_ssize_t)size_of(rest) ? begin : (Py_ssize_t)size_of(rest);
    if (take_bytes(&rest, raw_of(args[HEAD]))) {
        made = type->tp_alloc(type, VIEW_PARTS);
        said = made ? get_parts(&coder, &rest, made) : FAILED;
    }
    if (said == FOUND)
        return made;
    Py_XDECREF(made);
    return said == FAILED ? NULL : PyObject_CallFunction(args[OTHERWISE], "On", args[DATA], begin);
}
