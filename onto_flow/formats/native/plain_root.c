/* A plain change of a document of a root, from the message to the view change, where the worker has the record at hand and what
   it shows is the same or one other document. All else, and what is odd, is left to engines.beam.plain_assemble, which does the
   same by operators.remembering.RememberingAssemble.change and replaces. */
#include "register.h"

enum { GEO_CLASS, REF_CLASS, VECTOR_CLASS, BEGIN, HEAD, KNOWN, HEADS, PLACE, RECORD, DOC, LIVE, ENTRIES, OPERATOR, ALONE, GATE_KEY, SHARDS,
       OTHERWISE, FINISH, KEY, ENVELOPE, GIVEN, COUNT };
enum { SIZE, HELD, MET, OF_ENTRY }; /* engines.beam.live.Entry */

typedef struct {
    PyObject *const *args;
    PyObject *state, *raw, *held, *record;
    long long size;  /* that its entry is known to have */
    News news;
    PyObject *path, *doc, *old; /* of the document: borrowed, owned, borrowed */
} Root;

static PyObject *name_read, *name_write, *name_replace, *name_shown, *name_renew, *name_record, *name_evaluated, *nothing;

static int known_names(void)
{
    static const struct {
        PyObject **text;
        const char *name;
    } names[] = {{&name_read, "read"},   {&name_write, "write"},   {&name_replace, "replace"},    {&name_shown, "shown"},
                 {&name_renew, "renew"}, {&name_record, "record"}, {&name_evaluated, "evaluated"}};
    if (nothing)
        return 1;
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        if (!(*names[n].text = PyUnicode_InternFromString(names[n].name)))
            return 0;
    return (nothing = PyTuple_New(0)) != NULL;
}

/* A tuple that the collector does not look at: nothing in it leads back to it (core.compact.unseen). */
static PyObject *unseen_pair(PyObject *one, PyObject *other)
{
    PyObject *pair = PyTuple_Pack(2, one, other);
    if (pair)
        PyObject_GC_UnTrack(pair);
    return pair;
}

/* The record of the key, if it alone is at hand and stands for these bytes; and what is noted of where its registers are. */
static int is_at_hand(Root *root, PyObject **layout)
{
    PyObject *entry = PyDict_GetItemWithError(root->args[ENTRIES], root->args[KEY]);
    if (!entry || !PyList_CheckExact(entry) || PyList_GET_SIZE(entry) != OF_ENTRY || !PyDict_CheckExact(PyList_GET_ITEM(entry, HELD)))
        return 0;
    root->held = PyList_GET_ITEM(entry, HELD);
    PyObject *kept = PyDict_GET_SIZE(root->held) == 1 ? PyDict_GetItemWithError(root->held, name_record) : NULL;
    if (!kept || !PyTuple_CheckExact(kept) || PyTuple_GET_SIZE(kept) != 2)
        return 0;
    PyObject *raw = PyTuple_GET_ITEM(kept, 0);
    root->record = PyTuple_GET_ITEM(kept, 1);
    if ((PyObject *)Py_TYPE(root->record) != root->args[RECORD] || PyObject_RichCompareBool(raw, root->raw, Py_EQ) != 1 ||
        !parts_begin(root->args[RECORD]))
        return 0;
    PyObject *noted = PART(root->record, layout);
    if (PyTuple_CheckExact(noted) && PyTuple_GET_SIZE(noted) == 2 && PyTuple_GET_ITEM(noted, 0) == raw)
        *layout = PyTuple_GET_ITEM(noted, 1);
    root->size = PyLong_AsLongLong(PyList_GET_ITEM(entry, SIZE));
    PyList_SetItem(entry, MET, Py_NewRef(Py_True));
    return !PyErr_Occurred();
}

/* Whether the record is one whose document may be changed here: it is published, nothing is due, and what it shows is kept. */
static int may_change(Root *root)
{
    PyObject *record = root->record;
    Each due;
    return PART(record, failed) == Py_False && PART(record, behind) == Py_False && PART(record, kept) != Py_None &&
           each_here(&due, PART(record, due)) && !due.count &&
           register_here(&root->news, PART(record, reg), &root->path, &root->old) &&
           (PyObject *)Py_TYPE(root->old) == root->args[DOC] && PyTuple_GET_SIZE(root->old) == 3;
}

/* The collector looks at neither the fields nor their lists: they are of plain values (core.compact.unseen). */
static void unsee(PyObject *fields)
{
    PyObject *name, *value;
    Py_ssize_t at = 0;
    if (!PyDict_CheckExact(fields))
        return;
    PyObject_GC_UnTrack(fields);
    while (PyDict_Next(fields, &at, &name, &value))
        if (PyList_CheckExact(value))
            PyObject_GC_UnTrack(value);
}

/* The document, whose keys are those that it had. */
static Said make_doc(Root *root)
{
    PyObject *const *args = root->args;
    Coder coder = {.geopoint = args[GEO_CLASS], .reference = args[REF_CLASS], .vector = args[VECTOR_CLASS]};
    Slice version = root->news.now.version, fields = root->news.now.fields;
    PyTypeObject *type = (PyTypeObject *)args[DOC];
    PyObject *parts[2] = {NULL};
    Said said = get(&coder, &version, 0, &parts[0]);
    if (said == FOUND)
        said = get(&coder, &fields, 0, &parts[1]);
    if (said == FOUND && !(root->doc = type->tp_alloc(type, 3)))
        said = FAILED;
    if (said != FOUND) {
        Py_XDECREF(parts[0]);
        Py_XDECREF(parts[1]);
        return said;
    }
    PyTuple_SET_ITEM(root->doc, 0, parts[0]);
    PyTuple_SET_ITEM(root->doc, 1, parts[1]);
    PyTuple_SET_ITEM(root->doc, 2, Py_NewRef(PyTuple_GET_ITEM(root->old, 2)));
    PyObject_GC_UnTrack(root->doc);
    unsee(parts[1]);
    return FOUND;
}

static int count_evaluation(PyObject *operator)
{
    PyObject *before = PyObject_GetAttr(operator, name_evaluated), *one = PyLong_FromLong(1);
    PyObject *now = before && one ? PyNumber_Add(before, one) : NULL;
    int done = now ? PyObject_SetAttr(operator, name_evaluated, now) : -1;
    Py_XDECREF(before);
    Py_XDECREF(one);
    Py_XDECREF(now);
    return done;
}

/* What the record shows with the document; None where its view or what is kept of it raised. */
static PyObject *shown_of(Root *root)
{
    PyObject *record = root->record, *kept = Py_NewRef(PART(record, kept)), *last = PART(record, last), *shown = NULL;
    PyObject *replace[] = {kept, PyTuple_GET_ITEM(root->news.its, 1), root->path, PyTuple_GET_ITEM(root->doc, 1)};
    PyObject *done = PyObject_VectorcallMethod(name_replace, replace, 4, NULL);
    int waits = done ? PyObject_IsTrue(PART(record, awaited)) : -1;
    if (waits == 1)
        shown = PyTuple_Pack(2, last, nothing);
    else if (waits == 0)
        shown = PyObject_CallMethodOneArg(kept, name_shown, last);
    if (shown && (!PyTuple_CheckExact(shown) || PyTuple_GET_SIZE(shown) != 2)) {
        PyErr_SetString(PyExc_TypeError, "what is shown, and what of it changed, is wanted");
        Py_CLEAR(shown);
    }
    if (shown && count_evaluation(root->args[OPERATOR]) < 0)
        Py_CLEAR(shown);
    if (!shown && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
        Py_SETREF(PART(record, awaited), Py_NewRef(Py_None));
        Py_SETREF(PART(record, kept), Py_NewRef(Py_None));
        shown = Py_NewRef(Py_None);
    }
    Py_XDECREF(done);
    Py_DECREF(kept);
    return shown;
}

/* The one entry of a map, borrowed; 0: it has none, or several. */
static int only_one(PyObject *map, PyObject **key, PyObject **value)
{
    Each each;
    return each_here(&each, map) && each.count == 1 && each.next(map, &each.at, key, value);
}

/* The record's bytes, and what Beam is to carry, where its one document has become another one, of which sinks alone are told.
   NULL without an exception: it is something else. */
static PyObject *replaced(Root *root, PyObject *documents, PyObject *changed)
{
    PyObject *const *args = root->args;
    PyObject *path, *other, *before, *after, *record = root->record;
    const News *news = &root->news;
    Slice old = one_shown(news->of.shown);
    if (args[ALONE] != Py_True || !size_of(old) || !PyTuple_CheckExact(changed) || PyTuple_GET_SIZE(changed) != 1 ||
        !only_one(PART(record, last), &path, &before) || !only_one(documents, &other, &after) || before == Py_None ||
        after == Py_None || !PyUnicode_CheckExact(path) || !PyUnicode_CheckExact(other) || PyUnicode_Compare(path, other) ||
        !PyLong_CheckExact(PART(record, seq)))
        return NULL;
    int64_t seq = PyLong_AsLongLong(PART(record, seq)) + 1;
    if (PyErr_Occurred())
        return NULL;
    Coder coder = {.geopoint = args[GEO_CLASS], .reference = args[REF_CLASS], .vector = args[VECTOR_CLASS]};
    const Slice begin[BEGINS] = {{news->record.at, news->of.entry.at}, news->content, {news->of.entry.end, news->of.shown.at}};
    PyObject *pair = shown_anew(&coder, args[HEADS], begin, old, path, before, after, seq);
    PyObject *gate[] = {path, args[SHARDS]}, *key = pair ? PyObject_Vectorcall(args[GATE_KEY], gate, 2, NULL) : NULL;
    PyObject *number = key ? PyLong_FromLongLong(seq) : NULL;
    PyObject *found = number ? Py_BuildValue("(O((OO)))", PyTuple_GET_ITEM(pair, 0), key, PyTuple_GET_ITEM(pair, 1)) : NULL;
    if (found) {
        Py_SETREF(PART(record, last), Py_NewRef(documents));
        Py_SETREF(PART(record, seq), Py_NewRef(number));
    }
    Py_XDECREF(pair);
    Py_XDECREF(key);
    Py_XDECREF(number);
    return found;
}

/* The record's bytes, and what Beam is to carry: nothing. */
static PyObject *unchanged(Root *root)
{
    const News *news = &root->news;
    PyObject *raw = spliced(news->record, news->of.entry, news->content);
    return raw ? Py_BuildValue("(NO)", raw, nothing) : NULL;
}

/* The state is written, and what is at hand stands for it. */
static int settle(Root *root, PyObject *raw)
{
    PyObject *written = PyObject_CallMethodOneArg(root->state, name_write, raw), *done = NULL;
    PyObject *layout = written ? layout_after(&root->news) : NULL;
    PyObject *noted = layout ? unseen_pair(raw, layout) : NULL, *kept = noted ? unseen_pair(raw, root->record) : NULL;
    int well = kept && PyDict_SetItem(root->held, name_record, kept) == 0;
    if (well)
        Py_SETREF(PART(root->record, layout), Py_NewRef(noted));
    if (well && llabs(PyBytes_GET_SIZE(raw) - root->size) > root->size / 8) {
        PyObject *renew[] = {root->args[LIVE], root->args[KEY], name_record, raw, root->record};
        well = (done = PyObject_VectorcallMethod(name_renew, renew, 5, NULL)) != NULL;
    }
    Py_XDECREF(written);
    Py_XDECREF(layout);
    Py_XDECREF(noted);
    Py_XDECREF(kept);
    Py_XDECREF(done);
    return well;
}

/* The step itself; from here on the record is another one. */
static PyObject *change(Root *root)
{
    PyObject *const *args = root->args;
    PyObject *shown = PyObject_SetItem(PART(root->record, reg), root->path, root->doc) < 0 ? NULL : shown_of(root), *found = NULL;
    if (shown && shown != Py_None) {
        PyObject *changed = PyTuple_GET_ITEM(shown, 1);
        Py_ssize_t count = PyObject_Size(changed);
        if (count >= 0)
            found = count ? replaced(root, PyTuple_GET_ITEM(shown, 0), changed) : unchanged(root);
    }
    PyObject *outputs = NULL;
    if (found && settle(root, PyTuple_GET_ITEM(found, 0))) {
        outputs = Py_NewRef(PyTuple_GET_ITEM(found, 1));
    } else if (shown && !found && !PyErr_Occurred()) {
        PyObject *change_of = register_of(&root->news, root->path, PyTuple_GET_ITEM(root->doc, 0), PyTuple_GET_ITEM(root->doc, 1));
        if (change_of)
            outputs = PyObject_CallFunctionObjArgs(args[FINISH], args[KEY], args[ENVELOPE], root->state, root->raw, root->record,
                                                   change_of, shown, NULL);
        Py_XDECREF(change_of);
    }
    Py_XDECREF(shown);
    Py_XDECREF(found);
    return outputs;
}

/* What is at hand is not that of any bytes any more. */
static void forget(Root *root)
{
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    if (PyDict_DelItem(root->held, name_record) < 0)
        PyErr_Clear();
    PyErr_Restore(type, value, trace);
}

static PyObject *step(Root *root)
{
    PyObject *const *args = root->args, *layout = Py_None, *found = NULL;
    if (is_at_hand(root, &layout)) {
        PyObject *record = Py_NewRef(root->record), *held = Py_NewRef(root->held);
        Said said = news_of(&root->news, root->raw, args[ENVELOPE], PyLong_AsSsize_t(args[BEGIN]), args[HEAD], args[KNOWN], layout);
        int here = said == FOUND && may_change(root);
        if (here)
            said = make_doc(root);
        if (said == FOUND && here && !(found = change(root)))
            forget(root);
        else if (said == ODD && !root->news.is_unknown)
            found = Py_NewRef(Py_None);
        Py_XDECREF(root->news.of.layout);
        Py_XDECREF(root->doc);
        Py_DECREF(record);
        Py_DECREF(held);
    }
    if (found || PyErr_Occurred())
        return found;
    return PyObject_CallFunctionObjArgs(args[OTHERWISE], args[KEY], args[ENVELOPE], root->state, root->raw, NULL);
}

PyObject *native_plain_root(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    static const uint8_t bytes[] = {HEAD, KEY, ENVELOPE};
    if (!are_given(args, count, COUNT, bytes, sizeof bytes) || !are_heads(args[HEADS]) || !known_names())
        return NULL;
    Py_ssize_t place = PyLong_AsSsize_t(args[PLACE]);
    if (!PyTuple_CheckExact(args[GIVEN]) || place < 0 || place >= PyTuple_GET_SIZE(args[GIVEN]) || !PyDict_Check(args[KNOWN]) ||
        !PyDict_Check(args[ENTRIES]) || !PyType_Check(args[DOC]))
        return PyErr_Format(PyExc_TypeError, "states, and what is known and kept, are wanted");
    Root root = {.args = args, .state = PyTuple_GET_ITEM(args[GIVEN], place)};
    root.raw = PyObject_CallMethodNoArgs(root.state, name_read);
    PyObject *found = NULL;
    if (root.raw && PyBytes_CheckExact(root.raw))
        found = step(&root);
    else if (root.raw)
        found = Py_NewRef(Py_None);
    Py_XDECREF(root.raw);
    return found;
}
