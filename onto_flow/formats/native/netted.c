/* Net changes of view documents (engines.netted) on their bytes: a change is put in among all that is held.

What is not as it is always written is left to Python. */
#include "slices.h"

typedef struct {
    int64_t generation, epoch, seq;
} ViewVersion;

/* A view change; `key`: the view and the path. */
typedef struct {
    Slice key, old, new, version, failed;
} Shown;

/* What is held of a view document. */
typedef struct {
    Slice first, old, last, new, failed, moved;
} Net;

static const uint8_t KEY_HEAD[] = {TUPLE_, 2, TUPLE_, 2}, NET_HEAD[] = {TUPLE_, 6}, YES[] = {TRUE_}, NO[] = {FALSE_};

static int view_version_of(Slice raw, ViewVersion *version)
{
    return take_tuple(&raw, 3) && take_int(&raw, &version->generation) && take_int(&raw, &version->epoch) &&
           take_int(&raw, &version->seq) && raw.at == raw.end;
}

static int order_of_versions(ViewVersion a, ViewVersion b)
{
    if (a.generation != b.generation)
        return a.generation < b.generation ? -1 : 1;
    if (a.epoch != b.epoch)
        return a.epoch < b.epoch ? -1 : 1;
    return (a.seq > b.seq) - (a.seq < b.seq);
}

static inline int take_flag(Slice *rest, Slice *flag)
{
    *flag = (Slice){rest->at, rest->at + 1};
    return rest->at < rest->end && (*rest->at == TRUE_ || *rest->at == FALSE_) && rest->at++;
}

static int take_key(Slice *rest, Slice *key)
{
    Slice path;
    int well = is(*rest, STR_) && take(rest, key) && is(*rest, STR_) && take(rest, &path);
    key->end = rest->at;
    return well;
}

static int take_shown(Slice *rest, Slice head, Shown *shown)
{
    return take_bytes(rest, head) && take_key(rest, &shown->key) && take(rest, &shown->old) && take(rest, &shown->new) &&
           take(rest, &shown->version) && take_flag(rest, &shown->failed) && rest->at == rest->end;
}

static int take_net(Slice *rest, Net *net)
{
    return take_tuple(rest, 6) && take(rest, &net->first) && take(rest, &net->old) && take(rest, &net->last) &&
           take(rest, &net->new) && take_flag(rest, &net->failed) && take_flag(rest, &net->moved);
}

/* Puts a change into what is held of its document. 0: their versions are not as always written. */
static int put_in(const Shown *shown, Net *net)
{
    ViewVersion came, first, last;
    if (!view_version_of(shown->version, &came) || !view_version_of(net->first, &first) || !view_version_of(net->last, &last))
        return 0;
    if (order_of_versions(came, first) < 0) {
        net->first = shown->version;
        net->old = shown->old;
    }
    if (order_of_versions(came, last) > 0) {
        net->last = shown->version;
        net->new = shown->new;
        net->failed = shown->failed;
    }
    if (is(shown->failed, TRUE_) || same_bytes(shown->old, shown->new))
        net->moved = (Slice){YES, YES + 1};
    return 1;
}

/* Where what is held of a document stands among all entries; an empty slice at their end where nothing is. 0: odd. */
static int find(Slice entries, Slice key, Slice *found, Net *net)
{
    while (entries.at < entries.end) {
        Slice one;
        found->at = entries.at;
        if (!take_tuple(&entries, 2) || !take_tuple(&entries, 2) || !take_key(&entries, &one))
            return 0;
        if (same_bytes(one, key)) {
            int well = take_net(&entries, net);
            found->end = entries.at;
            return well;
        }
        if (!take(&entries, &one))
            return 0;
    }
    *found = entries;
    return 1;
}

PyObject *native_net_change(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    enum { OTHERWISE, HEAD, HELD, DATA, BEGIN, COUNT };
    static const uint8_t bytes[] = {HEAD, DATA};
    static const uint8_t cell[] = {STATE_VERSION, TUPLE_};
    if (!are_given(args, count, COUNT, bytes, sizeof bytes))
        return NULL;
    Slice rest = raw_of(args[DATA]), entries = {cell, cell}, found;
    Py_ssize_t begin = PyLong_AsSsize_t(args[BEGIN]);
    if (begin == -1 && PyErr_Occurred())
        return NULL;
    rest.at += begin >= 0 && begin < (Py_ssize_t)size_of(rest) ? begin : (Py_ssize_t)size_of(rest);
    Shown shown;
    Net net;
    uint64_t held = 0;
    int well = take_shown(&rest, raw_of(args[HEAD]), &shown);
    if (well && args[HELD] != Py_None) {
        entries = PyBytes_Check(args[HELD]) ? raw_of(args[HELD]) : rest;
        well = take_state(&entries) && take_head(&entries, TUPLE_, &held);
    }
    if (well && find(entries, shown.key, &found, &net)) {
        if (found.at == found.end) {
            net = (Net){shown.version, shown.old, shown.version, shown.new, shown.failed, {NO, NO + 1}};
            held++;
        }
        uint8_t size[10];
        if (put_in(&shown, &net)) {
            const Slice pieces[] = {
                {cell, cell + 2},      {size, write_size(size, (size_t)held)},
                {entries.at, found.at}, {KEY_HEAD, KEY_HEAD + sizeof KEY_HEAD},
                shown.key,             {NET_HEAD, NET_HEAD + sizeof NET_HEAD},
                net.first,             net.old,
                net.last,              net.new,
                net.failed,            net.moved,
                {found.end, entries.end},
            };
            return joined(pieces, sizeof pieces / sizeof *pieces);
        }
    }
    return PyObject_CallFunctionObjArgs(args[OTHERWISE], args[HELD], args[DATA], args[BEGIN], NULL);
}
