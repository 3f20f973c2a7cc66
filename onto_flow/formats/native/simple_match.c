/* Simple steps of match on bytes: a document comes, comes anew or goes, and a root asks or ceases to.

Whatever is not simple, or not as it is always written, is odd: None, and the operator's own step takes it. */
#include "slices.h"

/* The bytes of a state of documents with one more behind them. */
static PyObject *with_one_more(Slice many, uint64_t count, Slice path, Slice content)
{
    Buffer out = {0};
    PyObject *found = NULL;
    if (add_state(&out, TUPLE_, (size_t)count + 1) && add_slice(&out, many) && add_tagged(&out, TUPLE_, 2) &&
        add_slice(&out, path) && add_tagged(&out, TUPLE_, 3) && add_slice(&out, content))
        found = bytes_of(&out);
    else
        no_room();
    buffer_free(&out);
    return found;
}

PyObject *native_simple_member(PyObject *module, PyObject *args)
{
    PyObject *docs, *message, *head;
    Py_ssize_t begin;
    if (!PyArg_ParseTuple(args, "OSnS", &docs, &message, &begin, &head))
        return NULL;
    Slice held, rest = raw_of(message), path, content, many = NOTHING_HELD;
    Doc now, before;
    uint64_t count = 0;
    rest.at += begin;
    Version version;
    if (!take_told(&rest, raw_of(head), &path, &content, &now) || !is(now.fields, MAP_) || !is(now.keys, TUPLE_) ||
        !version_of(now.version, &version) || !state_of(docs, &held) || (held.at && !take_head(&held, TUPLE_, &count)))
        Py_RETURN_NONE;
    many = held;
    for (uint64_t left = count; left; left--) {
        Slice name, entry;
        if (!take_tuple(&held, 2) || !take(&held, &name) || !take_tuple(&held, 3))
            Py_RETURN_NONE;
        entry.at = held.at;
        if (!take_doc(&held, &before))
            Py_RETURN_NONE;
        entry.end = held.at;
        if (!same_bytes(name, path))
            continue;
        if (!is(before.fields, MAP_) || !is_newer(now.version, before.version))
            Py_RETURN_NONE;
        return Py_BuildValue("(NNNi)", spliced(raw_of(docs), entry, content), part_of(before.fields), part_of(now.fields),
                             same_bytes(before.keys, now.keys));
    }
    if (held.at != held.end || version.micros < 0 || (!version.micros && version.tie <= 0))
        Py_RETURN_NONE;
    return Py_BuildValue("(NNNi)", with_one_more(many, count, path, content), part_of(NOTHING_HELD), part_of(now.fields), 0);
}

/* The bytes of a state of documents without one of them; None where it was the only one. */
static PyObject *with_one_less(Slice many, uint64_t count, Slice entry)
{
    Buffer out = {0};
    PyObject *found = NULL;
    if (count == 1)
        return Py_NewRef(Py_None);
    if (add_state(&out, TUPLE_, (size_t)count - 1) && add_slice(&out, (Slice){many.at, entry.at}) &&
        add_slice(&out, (Slice){entry.end, many.end}))
        found = bytes_of(&out);
    else
        no_room();
    buffer_free(&out);
    return found;
}

/* The bytes of a state of what has left with a deleted document behind it. */
static PyObject *with_one_left(Slice many, uint64_t count, Slice path, const Doc *now, int64_t when)
{
    static const uint8_t no_keys[] = {NONE_};
    Buffer out = {0};
    PyObject *found = NULL;
    if (add_state(&out, TUPLE_, (size_t)count + 1) && add_slice(&out, many) && add_tagged(&out, TUPLE_, 2) &&
        add_slice(&out, path) && add_tagged(&out, TUPLE_, 3) && add_slice(&out, now->version) &&
        buffer_add(&out, no_keys, 1) && add_int(&out, when))
        found = bytes_of(&out);
    else
        no_room();
    buffer_free(&out);
    return found;
}

PyObject *native_simple_deletion(PyObject *module, PyObject *args)
{
    PyObject *docs, *left, *message, *head;
    Py_ssize_t begin;
    long long now;
    if (!PyArg_ParseTuple(args, "OOSnSL", &docs, &left, &message, &begin, &head, &now))
        return NULL;
    Slice held, gone, rest = raw_of(message), path, content, many;
    Doc deleted, before;
    uint64_t count, gone_count = 0;
    rest.at += begin;
    if (!take_told(&rest, raw_of(head), &path, &content, &deleted) || !is(deleted.fields, NONE_) ||
        !is(deleted.keys, NONE_) || !state_of(docs, &held) || !held.at || !take_head(&held, TUPLE_, &count) ||
        !state_of(left, &gone) || (gone.at && !take_head(&gone, TUPLE_, &gone_count)))
        Py_RETURN_NONE;
    many = held;
    for (uint64_t more = count; more; more--) {
        Slice name, entry = {held.at, NULL};
        if (!take_tuple(&held, 2) || !take(&held, &name) || !take_tuple(&held, 3) || !take_doc(&held, &before))
            Py_RETURN_NONE;
        entry.end = held.at;
        if (!same_bytes(name, path))
            continue;
        if (!is(before.fields, MAP_) || !is_newer(deleted.version, before.version))
            Py_RETURN_NONE;
        return Py_BuildValue("(NNN)", with_one_less(many, count, entry),
                             with_one_left(gone, gone_count, path, &deleted, now), part_of(before.fields));
    }
    Py_RETURN_NONE;
}

/* The subscriptions with the weight of one root changed; none where nothing is left. */
static PyObject *reweighed(Slice many, uint64_t count, Slice entry, Slice root, int64_t weight)
{
    Buffer out = {0};
    PyObject *found = NULL;
    Slice first = {many.at, entry.at ? entry.at : many.end}, last = {entry.at ? entry.end : many.end, many.end};
    count += (weight && !entry.at) - (!weight && entry.at);
    if (!count)
        return Py_NewRef(Py_None);
    int well = add_state(&out, TUPLE_, (size_t)count) && add_slice(&out, first);
    if (well && weight)
        well = add_tagged(&out, TUPLE_, 2) && add_slice(&out, root) && add_int(&out, weight);
    if (well && add_slice(&out, last))
        found = bytes_of(&out);
    else
        no_room();
    buffer_free(&out);
    return found;
}

PyObject *native_simple_weight(PyObject *module, PyObject *args)
{
    PyObject *subs, *message, *head;
    Py_ssize_t begin;
    if (!PyArg_ParseTuple(args, "OSnS", &subs, &message, &begin, &head))
        return NULL;
    Slice held, rest = raw_of(message), root, many, entry = NOTHING_HELD;
    int64_t more, before = 0;
    uint64_t count = 0;
    rest.at += begin;
    if (!take_bytes(&rest, raw_of(head)) || !take_tuple(&rest, 1) || !take_tuple(&rest, 2) || !is(rest, STR_) ||
        !take(&rest, &root) || !take_int(&rest, &more) || rest.at != rest.end || (more != 1 && more != -1) ||
        !state_of(subs, &held) || (held.at && !take_head(&held, TUPLE_, &count)))
        Py_RETURN_NONE;
    many = held;
    for (uint64_t left = count; left; left--) {
        Slice name, whole = {held.at, NULL};
        int64_t weight;
        if (!take_tuple(&held, 2) || !take(&held, &name) || !take_int(&held, &weight))
            Py_RETURN_NONE;
        whole.end = held.at;
        if (same_bytes(name, root)) {
            entry = whole;
            before = weight;
        }
    }
    if (held.at != held.end || before >= INT32_MAX || before <= INT32_MIN)
        Py_RETURN_NONE;
    return Py_BuildValue("(NNLL)", reweighed(many, count, entry, root, before + more), part_of(root), (long long)before,
                         (long long)(before + more));
}
