/* Simple steps on the bytes of messages and state: a document comes, comes anew or goes, and a record waits for its answers.

Whatever is not simple, or not as it is always written, is odd: None, and the operator's own step takes it. */
#include "slices.h"

/* What is known of a document without holes: its version and fields; these are nothing where it was deleted, and both are
   where nothing is known. */
static int known_of(Slice held, Slice *version, Slice *fields)
{
    int64_t since;
    Version known;
    *version = *fields = NOTHING_HELD;
    if (!held.at)
        return 1;
    if (!take_tuple(&held, 3) || !take(&held, version) || !take(&held, fields) || !take_int(&held, &since) ||
        held.at != held.end || !version_of(*version, &known) || known.tie < 0 || known.micros < 0 ||
        (!known.micros && !known.tie))
        return 0;
    if (is(*fields, MAP_))
        return 1;
    int deleted = is(*fields, NONE_);
    *fields = NOTHING_HELD;
    return deleted;
}

/* Whether an event, which takes the place of what is known, may be told of as it is: that of a document, or the deletion of
   one that is there. */
static int is_news(const Doc *event, Slice time, Slice version, Slice fields, int64_t floor, int64_t oldest)
{
    Version came;
    int64_t happened = INT64_MAX;
    if (!version_of(event->version, &came) || came.tie < 0 || (!is(time, NONE_) && !take_int(&time, &happened)))
        return 0;
    if (is(event->fields, NONE_)) {
        if (!fields.at || came.micros <= floor || happened <= floor)
            return 0;
    } else if (!is(event->fields, MAP_) || came.micros < floor || (came.micros == floor && came.tie))
        return 0;
    if (version.at)
        return is_newer(event->version, version) && (is(event->keys, NONE_) || same_bytes(event->keys, version));
    return is(event->keys, NONE_) && came.micros >= 0 && (came.micros || came.tie) && happened >= oldest;
}

PyObject *native_simple_event(PyObject *module, PyObject *args)
{
    PyObject *state, *message, *event_head, *told_head, *key, *wanted, *apart, *found = NULL;
    Py_ssize_t begin;
    long long floor, oldest, now;
    if (!PyArg_ParseTuple(args, "OSnSSSOSLLL", &state, &message, &begin, &event_head, &told_head, &key, &wanted, &apart,
                          &floor, &oldest, &now))
        return NULL;
    Slice held, rest = raw_of(message), version, before, time;
    Doc event;
    rest.at += begin;
    if (!state_of(state, &held) || !known_of(held, &version, &before) || !take_bytes(&rest, raw_of(event_head)) ||
        !take(&rest, &event.version) || !take(&rest, &event.fields) || !take(&rest, &time) || !take(&rest, &event.keys) ||
        rest.at != rest.end || !is_news(&event, time, version, before, floor, oldest))
        Py_RETURN_NONE;
    Buffer read = {0}, out = {0}, told = {0};
    Slice after = event.fields;
    int deleted = is(after, NONE_);
    Said said = deleted ? DONE : read_of(event.fields, wanted, raw_of(apart), &read, &after);
    int changed = said == DONE && !(before.at && same_bytes(before, after));
    if (said == DONE && !(add_state(&out, TUPLE_, 3) && add_slice(&out, event.version) && add_slice(&out, after) &&
                          add_int(&out, now)))
        said = FAILED;
    if (said == DONE && changed &&
        !(add_slice(&told, raw_of(told_head)) && add_slice(&told, raw_of(key)) && add_tagged(&told, TUPLE_, 3) &&
          add_slice(&told, event.version) && add_slice(&told, after) &&
          (deleted ? add_slice(&told, after) : add_tagged(&told, TUPLE_, 0))))
        said = FAILED;
    if (said == DONE)
        found = Py_BuildValue("(NNNN)", bytes_of(&out), changed ? bytes_of(&told) : Py_NewRef(Py_None), part_of(before),
                              part_of(deleted ? NOTHING_HELD : after));
    else
        found = said == ODD ? Py_NewRef(Py_None) : no_room();
    buffer_free(&read);
    buffer_free(&out);
    buffer_free(&told);
    return found;
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
