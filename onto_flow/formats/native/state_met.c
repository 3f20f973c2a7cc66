/* Documents that were written once are copied: ingest, match and records hold the same ones. */
#include "state.h"

enum { MOST_BYTES = 16 << 20, FIRST_ROOM = 1 << 12 };

static const char MET_NAME[] = "onto_flow.formats.native._native.met";

typedef struct {
    PyObject *document; /* held, so that no other comes to lie there */
    size_t at, size;
    int depth;
} Entry;

struct Met {
    Entry *entries;
    size_t room, count;
    Buffer bytes;
};

/* Where a document is, or would be. */
static Entry *entry_of(Entry *entries, size_t room, PyObject *document)
{
    size_t at = (size_t)(((uint64_t)(uintptr_t)document >> 4) * 0x9E3779B97F4A7C15ULL >> 20) & (room - 1);
    while (entries[at].document && entries[at].document != document)
        at = (at + 1) & (room - 1);
    return &entries[at];
}

static int grow(Met *met)
{
    size_t room = met->room ? met->room * 2 : FIRST_ROOM;
    Entry *entries = PyMem_RawCalloc(room, sizeof(Entry));
    if (!entries)
        return 0;
    for (size_t n = 0; n < met->room; n++)
        if (met->entries[n].document)
            *entry_of(entries, room, met->entries[n].document) = met->entries[n];
    PyMem_RawFree(met->entries);
    met->entries = entries;
    met->room = room;
    return 1;
}

int met_copy(Met *met, PyObject *document, int depth, Buffer *out)
{
    Entry *entry = met->room ? entry_of(met->entries, met->room, document) : NULL;
    if (!entry || !entry->document || depth > entry->depth) /* what is deeper may be too deep */
        return 0;
    return buffer_add(out, met->bytes.data + entry->at, entry->size);
}

void met_keep(Met *met, PyObject *document, int depth, const uint8_t *data, size_t size)
{
    if (met->bytes.size + size > MOST_BYTES || (met->count * 2 >= met->room && !grow(met)))
        return;
    Entry *entry = entry_of(met->entries, met->room, document);
    size_t at = met->bytes.size;
    if (entry->document || !buffer_add(&met->bytes, data, size))
        return;
    *entry = (Entry){Py_NewRef(document), at, size, depth};
    met->count++;
}

static void met_free(PyObject *capsule)
{
    Met *met = PyCapsule_GetPointer(capsule, MET_NAME);
    for (size_t n = 0; met && n < met->room; n++)
        Py_XDECREF(met->entries[n].document);
    if (met) {
        PyMem_RawFree(met->entries);
        buffer_free(&met->bytes);
        PyMem_RawFree(met);
    }
}

Met *met_of(PyObject *capsule) { return PyCapsule_GetPointer(capsule, MET_NAME); }

PyObject *native_met(PyObject *module, PyObject *args)
{
    Met *met = PyMem_RawCalloc(1, sizeof(Met));
    PyObject *capsule = met ? PyCapsule_New(met, MET_NAME, met_free) : PyErr_NoMemory();
    if (!capsule)
        PyMem_RawFree(met);
    return capsule;
}
