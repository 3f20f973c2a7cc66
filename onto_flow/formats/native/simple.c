/* Simple steps on the bytes of messages and state: a document comes, or comes anew, and a root asks or ceases to.

Whatever is not simple, or not as it is always written, is odd: None, and the operator's own step takes it. */
#include "slices.h"

static const Slice NOTHING_HELD = {NULL, NULL};

/* The bytes of a state, or nothing where there is none. 0: neither. */
static int state_of(PyObject *state, Slice *held)
{
    *held = NOTHING_HELD;
    if (state == Py_None)
        return 1;
    if (!PyBytes_Check(state))
        return 0;
    *held = raw_of(state);
    return size_of(*held) && *held->at++ == STATE_VERSION;
}

/* The bytes of a slice; none for one that is not there. */
static PyObject *part_of(Slice raw)
{
    return raw.at ? PyBytes_FromStringAndSize((const char *)raw.at, (Py_ssize_t)size_of(raw)) : Py_NewRef(Py_None);
}

static int add_int(Buffer *out, int64_t number)
{
    Coder coder = {.out = *out};
    PyObject *value = PyLong_FromLongLong(number);
    int well = value && put(&coder, value, 0) == DONE;
    Py_XDECREF(value);
    *out = coder.out;
    return well;
}

static int add_state(Buffer *out, uint8_t tag, size_t count)
{
    static const uint8_t version_byte = STATE_VERSION;
    return buffer_add(out, &version_byte, 1) && add_tagged(out, tag, count);
}

static PyObject *no_room(void) { return PyErr_Occurred() ? NULL : PyErr_NoMemory(); }

/* What is known of a document without holes: its version and fields; the fields are nothing where nothing is known. */
static int known_of(Slice held, Slice *version, Slice *fields)
{
    int64_t since;
    Version known;
    *fields = NOTHING_HELD;
    if (!held.at)
        return 1;
    return take_tuple(&held, 3) && take(&held, version) && take(&held, fields) && take_int(&held, &since) &&
           held.at == held.end && is(*fields, MAP_) && version_of(*version, &known) && known.tie >= 0 && known.micros >= 0 &&
           (known.micros || known.tie);
}

/* Whether an event, which takes the place of what is known, has a document, and may be told of as it is. */
static int is_news(const Doc *event, Slice time, Slice version, Slice fields, int64_t floor, int64_t oldest)
{
    Version came;
    int64_t happened;
    if (!version_of(event->version, &came) || came.tie < 0 || came.micros < floor || (came.micros == floor && came.tie) ||
        !is(event->fields, MAP_))
        return 0;
    if (fields.at)
        return is_newer(event->version, version) && (is(event->keys, NONE_) || same_bytes(event->keys, version));
    return is(event->keys, NONE_) && came.micros >= 0 && (came.micros || came.tie) &&
           (is(time, NONE_) || (take_int(&time, &happened) && happened >= oldest));
}

PyObject *native_simple_event(PyObject *module, PyObject *args)
{
    PyObject *state, *message, *event_head, *told_head, *key, *wanted, *apart, *found = NULL;
    Py_ssize_t begin;
    long long floor, oldest, now;
    if (!PyArg_ParseTuple(args, "OSnSSSOSLLL", &state, &message, &begin, &event_head, &told_head, &key, &wanted, &apart,
                          &floor, &oldest, &now))
        return NULL;
    Slice held, rest = raw_of(message), version = NOTHING_HELD, before, time;
    Doc event;
    rest.at += begin;
    if (!state_of(state, &held) || !known_of(held, &version, &before) || !take_bytes(&rest, raw_of(event_head)) ||
        !take(&rest, &event.version) || !take(&rest, &event.fields) || !take(&rest, &time) || !take(&rest, &event.keys) ||
        rest.at != rest.end || !is_news(&event, time, version, before, floor, oldest))
        Py_RETURN_NONE;
    Buffer read = {0}, out = {0}, told = {0};
    Slice after;
    Said said = read_of(event.fields, wanted, raw_of(apart), &read, &after);
    int changed = said == DONE && !(before.at && same_bytes(before, after));
    if (said == DONE && !(add_state(&out, TUPLE_, 3) && add_slice(&out, event.version) && add_slice(&out, after) &&
                          add_int(&out, now)))
        said = FAILED;
    if (said == DONE && changed &&
        !(add_slice(&told, raw_of(told_head)) && add_slice(&told, raw_of(key)) && add_tagged(&told, TUPLE_, 3) &&
          add_slice(&told, event.version) && add_slice(&told, after) && add_tagged(&told, TUPLE_, 0)))
        said = FAILED;
    if (said == DONE)
        found = Py_BuildValue("(NNNN)", bytes_of(&out), changed ? bytes_of(&told) : Py_NewRef(Py_None), part_of(before),
                              part_of(after));
    else
        found = said == ODD ? Py_NewRef(Py_None) : no_room();
    buffer_free(&read);
    buffer_free(&out);
    buffer_free(&told);
    return found;
}

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

/* An answer that brings documents which a record does not have. */
typedef struct {
    Slice slot, key, members;
    uint64_t count;
} Answer;

static int answer_of(Slice rest, Slice head, Answer *answer)
{
    int64_t weight, slot;
    uint64_t left;
    Slice begin, name;
    Doc doc;
    if (!take_bytes(&rest, head))
        return 0;
    begin = rest;
    if (!take_int(&rest, &slot))
        return 0;
    answer->slot = (Slice){begin.at, rest.at};
    if (!take(&rest, &answer->key) || !take_int(&rest, &weight) || weight != 1 || !take_head(&rest, TUPLE_, &answer->count))
        return 0;
    answer->members.at = rest.at;
    for (left = answer->count; left; left--)
        if (!take_tuple(&rest, 2) || !is(rest, STR_) || !take(&rest, &name) || !take_tuple(&rest, 3) || !take_doc(&rest, &doc))
            return 0;
    answer->members.end = rest.at;
    return take_tuple(&rest, 0) && rest.at == rest.end;
}

/* The next member of an answer: its path, and what stands behind it. */
static void next_member(Slice *members, Slice *path, Slice *content)
{
    Doc doc;
    take_tuple(members, 2);
    take(members, path);
    take_tuple(members, 3);
    content->at = members->at;
    take_doc(members, &doc);
    content->end = members->at;
}

/* Whether a record has a register of any of the documents of an answer. */
static int is_among(Slice path, Slice members)
{
    Slice other, content;
    while (members.at < members.end) {
        next_member(&members, &other, &content);
        if (same_bytes(path, other))
            return 1;
    }
    return 0;
}

/* What a record has of the weights of answers: where this one's is, or would be, and how much. */
typedef struct {
    uint64_t count;
    Slice before, behind;
    int64_t weight;
    int there;
} Opened;

static int opened_of(Slice *held, const Answer *answer, Opened *opened)
{
    if (!take_head(held, TUPLE_, &opened->count))
        return 0;
    const uint8_t *begin = held->at, *split = NULL, *next = NULL;
    opened->weight = opened->there = 0;
    for (uint64_t left = opened->count; left; left--) {
        Slice entry = {held->at, NULL}, slot, key;
        int64_t weight;
        if (!take_tuple(held, 3) || !take(held, &slot) || !take(held, &key) || !take_int(held, &weight))
            return 0;
        entry.end = held->at;
        if (opened->there || !same_bytes(slot, answer->slot))
            continue;
        split = next = entry.end; /* behind the last one of its slot */
        if (same_bytes(key, answer->key)) {
            split = entry.at;
            opened->weight = weight;
            opened->there = 1;
        }
    }
    opened->before = (Slice){begin, split ? split : held->at};
    opened->behind = (Slice){next ? next : held->at, held->at};
    return opened->weight >= 0;
}

static int add_opened(Buffer *out, const Answer *answer, const Opened *opened)
{
    return add_tagged(out, TUPLE_, (size_t)(opened->count + !opened->there)) && add_slice(out, opened->before) &&
           add_tagged(out, TUPLE_, 3) && add_slice(out, answer->slot) && add_slice(out, answer->key) &&
           add_int(out, opened->weight + 1) && add_slice(out, opened->behind);
}

static int add_members(Buffer *out, Slice members)
{
    int well = 1;
    while (well && members.at < members.end) {
        Slice path, content;
        next_member(&members, &path, &content);
        well = add_tagged(out, TUPLE_, 4) && add_slice(out, path) && add_slice(out, content);
    }
    return well;
}

PyObject *native_simple_answer(PyObject *module, PyObject *args)
{
    PyObject *record, *message, *head, *found = NULL;
    Py_ssize_t begin;
    if (!PyArg_ParseTuple(args, "SSnS", &record, &message, &begin, &head))
        return NULL;
    Slice held = raw_of(record), rest = raw_of(message), registers, due;
    Answer answer;
    Opened opened;
    uint64_t count;
    rest.at += begin;
    if (!answer_of(rest, raw_of(head), &answer) || !size_of(held) || *held.at++ != STATE_VERSION || !take_tuple(&held, 7) ||
        !take_head(&held, TUPLE_, &count))
        Py_RETURN_NONE;
    registers.at = held.at;
    for (uint64_t left = count; left; left--) {
        Slice name;
        Doc doc;
        if (!take_tuple(&held, 4) || !take(&held, &name) || !take_doc(&held, &doc) || is_among(name, answer.members))
            Py_RETURN_NONE;
    }
    registers.end = held.at;
    if (!take(&held, &due) || !opened_of(&held, &answer, &opened))
        Py_RETURN_NONE;
    Buffer out = {0};
    if (buffer_reserve(&out, (size_t)(PyBytes_GET_SIZE(record) + PyBytes_GET_SIZE(message))) && add_state(&out, TUPLE_, 7) &&
        add_tagged(&out, TUPLE_, (size_t)(count + answer.count)) && add_slice(&out, registers) &&
        add_members(&out, answer.members) && add_slice(&out, due) && add_opened(&out, &answer, &opened) && add_slice(&out, held))
        found = bytes_of(&out);
    else
        no_room();
    buffer_free(&out);
    return found;
}
