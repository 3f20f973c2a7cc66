/* The document that a record shows has become another one: what is the same object in both is copied from the bytes before.

A document's values are never changed once they are in it, so the same object has the same bytes. */
#include "register.h"

static Said put_changed(Coder *coder, Slice *raw, PyObject *before, PyObject *after, int depth);

/* So many values of the bytes before are passed, and put if they stay. */
static Said pass(Coder *coder, Slice *raw, Py_ssize_t count, int stays)
{
    const uint8_t *begin = raw->at;
    while (count-- > 0)
        if (!skip_value(raw))
            return ODD;
    return stays && !add_slice(&coder->out, (Slice){begin, raw->at}) ? out_of_room() : DONE;
}

static Said put_changed_list(Coder *coder, Slice *raw, PyObject *before, PyObject *after, int depth)
{
    Py_ssize_t was = PyList_GET_SIZE(before), now = PyList_GET_SIZE(after), least = was < now ? was : now, first = 0, last = 0;
    uint64_t count;
    if (!take_head(raw, LIST_, &count) || count != (uint64_t)was || depth >= DEPTH)
        return ODD;
    while (first < least && PyList_GET_ITEM(before, first) == PyList_GET_ITEM(after, first))
        first++;
    while (last < least - first && PyList_GET_ITEM(before, was - 1 - last) == PyList_GET_ITEM(after, now - 1 - last))
        last++;
    Said said = add_tagged(&coder->out, LIST_, (size_t)now) ? pass(coder, raw, first, 1) : out_of_room();
    for (Py_ssize_t n = first; said == DONE && n < now - last; n++)
        said = was == now ? put_changed(coder, raw, PyList_GET_ITEM(before, n), PyList_GET_ITEM(after, n), depth + 1)
                          : put(coder, PyList_GET_ITEM(after, n), depth + 1);
    if (said == DONE && was != now)
        said = pass(coder, raw, was - first - last, 0);
    return said == DONE ? pass(coder, raw, last, 1) : said;
}

/* The value of a name, which is mostly one of those that come next; NULL: there is none. */
static PyObject *named(PyObject *map, Slice text, Py_ssize_t *at, PyObject **key)
{
    PyObject *value;
    for (Py_ssize_t left = PyDict_GET_SIZE(map); left > 0; left--) {
        if (!PyDict_Next(map, at, key, &value)) {
            *at = 0;
            PyDict_Next(map, at, key, &value);
        }
        if (PyUnicode_CheckExact(*key) && PyUnicode_IS_COMPACT_ASCII(*key) &&
            (size_t)PyUnicode_GET_LENGTH(*key) == size_of(text) && !memcmp(PyUnicode_DATA(*key), text.at, size_of(text)))
            return value;
    }
    return NULL;
}

/* Maps with the same names, which stand in the order of their bytes. */
static Said put_changed_map(Coder *coder, Slice *raw, PyObject *before, PyObject *after, int depth)
{
    uint64_t count;
    Py_ssize_t at = 0;
    if (!take_head(raw, MAP_, &count) || depth >= DEPTH)
        return ODD;
    Said said = add_tagged(&coder->out, MAP_, (size_t)count) ? DONE : out_of_room();
    while (said == DONE && count--) {
        Slice name = {raw->at + 1, raw->end}, text;
        if (!is(*raw, STR_) || !read_slice(&name.at, name.end, &text))
            return ODD;
        PyObject *key, *now = named(after, text, &at, &key), *was = now ? PyDict_GetItemWithError(before, key) : NULL;
        if (!was)
            return PyErr_Occurred() ? FAILED : ODD;
        said = pass(coder, raw, 1, 1);
        if (said == DONE)
            said = put_changed(coder, raw, was, now, depth + 1);
    }
    return said;
}

static Said put_changed(Coder *coder, Slice *raw, PyObject *before, PyObject *after, int depth)
{
    if (before == after)
        return pass(coder, raw, 1, 1);
    if (PyDict_CheckExact(before) && PyDict_CheckExact(after) && PyDict_GET_SIZE(before) == PyDict_GET_SIZE(after))
        return put_changed_map(coder, raw, before, after, depth);
    if (PyList_CheckExact(before) && PyList_CheckExact(after))
        return put_changed_list(coder, raw, before, after, depth);
    Said said = pass(coder, raw, 1, 0);
    return said == DONE ? put(coder, after, depth) : said;
}

enum { SHOWS, ONE_SHOWN, VERSIONS, WELL, WELL_SHOWN, HEAD_COUNT };

int are_heads(PyObject *heads)
{
    static const uint8_t all[] = {SHOWS, ONE_SHOWN, VERSIONS, WELL, WELL_SHOWN};
    if (!PyTuple_Check(heads)) {
        PyErr_SetString(PyExc_TypeError, "what records and view changes begin with is wanted");
        return 0;
    }
    return are_given(((PyTupleObject *)heads)->ob_item, PyTuple_GET_SIZE(heads), HEAD_COUNT, all, sizeof all);
}

PyObject *shown_anew(Coder *coder, PyObject *heads, const Slice begin[BEGINS], Slice old, PyObject *path, PyObject *before,
                     PyObject *after, int64_t seq)
{
    Slice rest = old, head[HEAD_COUNT];
    uint8_t number[10];
    for (int n = 0; n < HEAD_COUNT; n++)
        head[n] = raw_of(PyTuple_GET_ITEM(heads, n));
    PyObject *found = NULL;
    Said said = buffer_reserve(&coder->out, size_of(old) + ENOUGH) ? put(coder, path, 0) : out_of_room();
    size_t size = coder->out.size;
    if (said == DONE)
        said = put_changed(coder, &rest, before, after, 0);
    if (said == DONE && rest.at == rest.end) {
        const Slice at = {coder->out.data, coder->out.data + size}, now = {at.end, at.at + coder->out.size};
        const Slice times = {number, write_int(number, seq)};
        const Slice record[] = {begin[0], begin[1], begin[2], head[ONE_SHOWN], at, now, times, head[WELL]};
        const Slice change[] = {head[SHOWS], at, old, now, head[VERSIONS], times, head[WELL_SHOWN]};
        found = Py_BuildValue("(NN)", joined(record, 8), joined(change, 7));
    }
    buffer_free(&coder->out);
    return found;
}

PyObject *native_plain_shown(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    enum { GEOPOINT, REFERENCE, VECTOR, OTHERWISE, HEADS, BEGIN, RAW, PATH, BEFORE, AFTER, SEQ, COUNT };
    static const uint8_t bytes[] = {BEGIN, RAW};
    if (!are_given(args, count, COUNT, bytes, sizeof bytes) || !are_heads(args[HEADS]))
        return NULL;
    Coder coder = {.geopoint = args[GEOPOINT], .reference = args[REFERENCE], .vector = args[VECTOR]};
    int64_t seq = PyLong_AsLongLong(args[SEQ]);
    if (seq == -1 && PyErr_Occurred())
        return NULL;
    const Slice record = raw_of(args[BEGIN]), none = {record.end, record.end}, begin[BEGINS] = {record, none, none};
    PyObject *found = shown_anew(&coder, args[HEADS], begin, raw_of(args[RAW]), args[PATH], args[BEFORE], args[AFTER], seq);
    return found || PyErr_Occurred() ? found : PyObject_Vectorcall(args[OTHERWISE], args, COUNT, NULL);
}
