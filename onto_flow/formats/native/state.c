/* The maps and the records of state -> their bytes. */
#include "state.h"

#include <structmember.h>

Parts parts;

int parts_begin(PyObject *record_type)
{
    static const struct {
        const char *name;
        Py_ssize_t *at;
    } slots[] = {{"reg", &parts.reg},       {"due", &parts.due}, {"open", &parts.open},     {"last", &parts.last},
                 {"seq", &parts.seq},       {"failed", &parts.failed}, {"behind", &parts.behind}, {"written", &parts.written},
                 {"asked", &parts.asked},   {"kept", &parts.kept},     {"awaited", &parts.awaited}, {"layout", &parts.layout}};
    for (size_t n = 0; parts.of != record_type && n < sizeof slots / sizeof *slots; n++) {
        PyObject *found = PyObject_GetAttrString(record_type, slots[n].name);
        int is_slot = found && Py_IS_TYPE(found, &PyMemberDescr_Type) && ((PyMemberDescrObject *)found)->d_member->type == T_OBJECT_EX;
        if (is_slot)
            *slots[n].at = ((PyMemberDescrObject *)found)->d_member->offset;
        else if (found)
            PyErr_Format(PyExc_TypeError, "%s is no slot", slots[n].name);
        Py_XDECREF(found);
        if (!is_slot)
            return 0;
    }
    parts.of = record_type;
    return 1;
}

const Maps *maps;

void maps_begin(void)
{
    static int looked;
    if (!looked) {
        looked = 1;
        maps = PyCapsule_Import(MAPS_NAME, 0);
        if (!maps || maps->version != MAPS_VERSION)
            maps = NULL;
        PyErr_Clear();
    }
}

/* 1: without a list, which need not be freed then. */
int each_here(Each *each, PyObject *map)
{
    *each = (Each){map, NULL, 0, 0, NULL};
    if (PyDict_CheckExact(map)) {
        each->count = PyDict_GET_SIZE(map);
        each->next = PyDict_Next;
    } else if (maps && Py_TYPE(map) == maps->pocket) {
        each->count = maps->pocket_size(map);
        each->next = maps->pocket_next;
    }
    return each->next != NULL;
}

int each_begin(Each *each, PyObject *map)
{
    if (each_here(each, map))
        return 1;
    each->pairs = PyMapping_Items(map);
    each->count = each->pairs ? PyList_GET_SIZE(each->pairs) : 0;
    return each->pairs != NULL;
}

int each_next(Each *each, PyObject **key, PyObject **value)
{
    if (each->next)
        return each->next(each->map, &each->at, key, value);
    if (each->at >= each->count)
        return 0;
    PyObject *pair = PyList_GET_ITEM(each->pairs, each->at++);
    if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2)
        return 0;
    *key = PyTuple_GET_ITEM(pair, 0);
    *value = PyTuple_GET_ITEM(pair, 1);
    return 1;
}

Said put_pair(Coder *coder, PyObject *key, PyObject *value)
{
    Said said = put_tuple(coder, 2);
    said = said == DONE ? put(coder, key, 0) : said;
    return said == DONE ? put(coder, value, 0) : said;
}

Said put_pairs(Coder *coder, PyObject *map)
{
    Each each;
    PyObject *key, *value;
    if (!each_begin(&each, map))
        return FAILED;
    Said said = put_tuple(coder, (size_t)each.count);
    while (said == DONE && each_next(&each, &key, &value))
        said = put_pair(coder, key, value);
    Py_XDECREF(each.pairs);
    return said;
}

/* A path and its document, which is a tuple of three. */
Said put_document(Coder *coder, PyObject *path, PyObject *doc)
{
    if (!PyTuple_Check(doc) || PyTuple_GET_SIZE(doc) != 3)
        return ODD;
    Said said = put_tuple(coder, 4);
    said = said == DONE ? put(coder, path, 0) : said;
    for (Py_ssize_t n = 0; n < 3 && said == DONE; n++)
        said = put(coder, PyTuple_GET_ITEM(doc, n), 0);
    return said;
}

static Said put_documents(Coder *coder, PyObject *reg)
{
    Each each;
    PyObject *path, *doc;
    if (!each_begin(&each, reg))
        return FAILED;
    Said said = put_tuple(coder, (size_t)each.count);
    while (said == DONE && each_next(&each, &path, &doc))
        said = put_document(coder, path, doc);
    Py_XDECREF(each.pairs);
    return said;
}

/* Slot -> key -> weight, as triples. */
static Said put_open(Coder *coder, PyObject *open)
{
    Each slots, each;
    Py_ssize_t count = 0, some = 0;
    PyObject *slot, *keys, *key, *weight;
    if (!each_begin(&slots, open))
        return FAILED;
    while (some >= 0 && each_next(&slots, &slot, &keys))
        count += some = PyObject_Size(keys);
    Said said = some < 0 ? FAILED : put_tuple(coder, (size_t)count);
    for (slots.at = 0; said == DONE && each_next(&slots, &slot, &keys);) {
        if (!each_begin(&each, keys))
            said = FAILED;
        while (said == DONE && each_next(&each, &key, &weight)) {
            said = put_tuple(coder, 3);
            said = said == DONE ? put(coder, slot, 0) : said;
            said = said == DONE ? put(coder, key, 0) : said;
            said = said == DONE ? put(coder, weight, 0) : said;
        }
        Py_XDECREF(each.pairs);
    }
    Py_XDECREF(slots.pairs);
    return said;
}

Said put_flags(Coder *coder, PyObject *record)
{
    Said said = put(coder, PART(record, seq), 0);
    said = said == DONE ? put(coder, PART(record, failed), 0) : said;
    return said == DONE ? put(coder, PART(record, behind), 0) : said;
}

/* operators.record.Record.pack. */
Said put_record(Coder *coder, PyObject *record)
{
    Said said = put_tuple(coder, 7);
    said = said == DONE ? put_documents(coder, PART(record, reg)) : said;
    said = said == DONE ? put_pairs(coder, PART(record, due)) : said;
    said = said == DONE ? put_open(coder, PART(record, open)) : said;
    said = said == DONE ? put_pairs(coder, PART(record, last)) : said;
    return said == DONE ? put_flags(coder, record) : said;
}
