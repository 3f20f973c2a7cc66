/* The module: its functions, and the decoder that keeps what it has met. */
#include "native.h"

static int decoder_init(Decoder *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"wanted", "database_of", "vector_of_map", "geopoint", "reference", "vector", NULL};
    PyObject *given[6];
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOOOO", names, &given[0], &given[1], &given[2], &given[3], &given[4],
                                     &given[5]))
        return -1;
    PyObject **kept[6] = {&self->wanted,   &self->database_of, &self->vector_of_map,
                          &self->geopoint, &self->reference,   &self->vector};
    for (int n = 0; n < 6; n++) {
        PyObject *before = *kept[n];
        *kept[n] = Py_NewRef(given[n]);
        Py_XDECREF(before);
    }
    decoder_clear(self);
    return 0;
}

static void decoder_free(Decoder *self)
{
    decoder_clear(self);
    PyObject *kept[] = {self->wanted, self->database_of, self->vector_of_map, self->geopoint, self->reference, self->vector};
    for (int n = 0; n < 6; n++)
        Py_XDECREF(kept[n]);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef decoder_methods[] = {
    {"documents", (PyCFunction)decoder_documents, METH_VARARGS,
     "(data, start, stop) -> paths, fields, the numbers of their records, those of the odd ones."},
    {"lines", (PyCFunction)decoder_lines, METH_VARARGS,
     "(data, start, stop) -> lines of JSON, the numbers of their records, those of the odd ones."},
    {"path", (PyCFunction)decoder_path, METH_VARARGS, "(record) -> its path; None: not wanted; 0: odd."},
    {"fields", (PyCFunction)decoder_fields, METH_VARARGS, "(record) -> its fields; None: odd."},
    {"columns", (PyCFunction)decoder_columns, METH_VARARGS, "(data, start, stop) -> Columns."},
    {NULL},
};

static PyTypeObject DecoderType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "onto_flow.formats.native._native.Decoder",
    .tp_basicsize = sizeof(Decoder),
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)decoder_init,
    .tp_dealloc = (destructor)decoder_free,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = decoder_methods,
    .tp_doc = "Decodes records; keeps the names, collections and databases that it met.",
};

static PyMethodDef functions[] = {
    {"crc32c", native_crc32c, METH_VARARGS, "(data, portable=False) -> the CRC-32C of bytes."},
    {"fragments", native_fragments, METH_VARARGS,
     "(data, begin, verify) -> where fragments begin and end and their types, as int64; None for anything unusual."},
    {"typed_fields", native_typed_fields, METH_VARARGS,
     "(fields, makers) -> the values of typed JSON; None for anything unusual."},
    {"event_fields", native_event_fields, METH_VARARGS,
     "(data, begin, end, makers) -> the fields of a document of an event, and where they end; None for anything unusual."},
    {"encode", (PyCFunction)(void (*)(void))native_encode, METH_FASTCALL | METH_KEYWORDS,
     "(geopoint, reference, vector, otherwise, value, prefix) -> the prefix, then the bytes of a value; of anything unusual "
     "what `otherwise` gives."},
    {"decode", (PyCFunction)(void (*)(void))native_decode, METH_FASTCALL,
     "(geopoint, reference, vector, otherwise, data, begin) -> the value of bytes from `begin` on; of anything unusual what "
     "`otherwise` gives."},
    {"said", native_said, METH_VARARGS,
     "(keys, states, names, maps, large, types, prefix, most, met) -> rows of the log, and the keys that are left to Python."},
    {"met", native_met, METH_NOARGS, "() -> what `said` keeps of the documents that it met, so that it writes each once."},
    {"wholes", native_wholes, METH_VARARGS,
     "(keys, states, names, maps, large, types, prefix, number, part) -> rows of the table, and the keys that are left to Python."},
    {"places", native_places, METH_VARARGS,
     "(data, begin, row, into): puts where a row of the log has each key into a dict -> whether all of it is such a row."},
    {"keyed_event", (PyCFunction)(void (*)(void))native_keyed_event, METH_FASTCALL,
     "(geopoint, reference, vector, otherwise, head, change) -> the bytes of its path, and of the event that it is; of "
     "anything unusual what `otherwise` gives."},
    {"view_change", (PyCFunction)(void (*)(void))native_view_change, METH_FASTCALL,
     "(geopoint, reference, vector, otherwise, class, head, data, begin=0) -> the view change of bytes; of anything unusual what "
     "`otherwise` gives."},
    {"net_change", (PyCFunction)(void (*)(void))native_net_change, METH_FASTCALL,
     "(otherwise, head, state, data, begin) -> the state of net changes with the view change of bytes; of anything unusual what "
     "`otherwise` gives."},
    {"plain_event", (PyCFunction)(void (*)(void))native_plain_event, METH_FASTCALL,
     "(begin, event, told, apart, floor, make, collections, learn, clock, place, key, message, states) -> what is told, and the "
     "state is written; None: not plain."},
    {"plain_member", (PyCFunction)(void (*)(void))native_plain_member, METH_FASTCALL,
     "(begin, told, stays, make, to, page, largest, documents, subscriptions, waits, key, message, states) -> what tells the keys of "
     "subscriptions that weigh more than 0, and the documents are written with a newer version of one; None: not plain."},
    {"plain_register", (PyCFunction)(void (*)(void))native_plain_register, METH_FASTCALL,
     "(geopoint, reference, vector, begin, told, known, record, message, layout, registers) -> (what it begins with, where that "
     "ended, path, version, fields, what was shown last, layout); bytes: a path of a collection that is not known; None: not plain."},
    {"plain_root", (PyCFunction)(void (*)(void))native_plain_root, METH_FASTCALL,
     "(geopoint, reference, vector, begin, told, known, heads, place, record, doc, live, entries, operator, alone, gate_key, shards, "
     "otherwise, finish, key, envelope, states) -> what is to be carried of a plain change of a document of a root; None: not plain; "
     "`otherwise` and `finish` take what is unusual."},
    {"plain_shown", (PyCFunction)(void (*)(void))native_plain_shown, METH_FASTCALL,
     "(geopoint, reference, vector, otherwise, heads, begin, raw, path, before, after, seq) -> (the record, the view change); of "
     "anything unusual what `otherwise` gives."},
    {"simple_event", native_simple_event, METH_VARARGS,
     "(state, message, begin, event, told, key, wanted, apart, floor, oldest, now) -> (state, what is told, the fields before, "
     "those after); None: not simple."},
    {"simple_member", native_simple_member, METH_VARARGS,
     "(documents, message, begin, told) -> (the documents with a newer version of one, or with one more, its fields before, those "
     "after, whether its keys are as before); None: not simple."},
    {"simple_deletion", native_simple_deletion, METH_VARARGS,
     "(documents, left, message, begin, told, now) -> (the documents without one, those that left with it, its fields before); "
     "None: not simple."},
    {"simple_weight", native_simple_weight, METH_VARARGS,
     "(subscriptions, message, begin, subscribe) -> (the subscriptions with another weight of one root, the bytes of its key, its "
     "weight before, that after); None: not simple."},
    {"simple_answer", native_simple_answer, METH_VARARGS,
     "(record, message, begin, answer) -> the record with an answer of documents that it does not have; None: not simple."},
    {"followed_record", (PyCFunction)(void (*)(void))native_followed_record, METH_FASTCALL,
     "(record, layout, registers, due, opened, shown) -> (the record with them, its layout); None: it is odd."},
    {"active", native_active, METH_O, "(subscriptions) -> the bytes of the keys of those that weigh more than 0."},
    {"document_size", native_document_size, METH_O,
     "(fields) -> the bytes that Firestore counts for them; None for anything unusual."},
    {NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_native",
    .m_doc = "The records of exports, the fields of events, and the bytes of state, in C.",
    .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit__native(void)
{
    frames_begin();
    if (!documents_begin() || !events_begin() || !values_begin() || !state_rows_begin() || !size_begin() || PyType_Ready(&DecoderType) < 0 || PyType_Ready(&ColumnsType) < 0)
        return NULL;
    PyObject *module = PyModule_Create(&definition);
    if (module && (PyModule_AddObjectRef(module, "Decoder", (PyObject *)&DecoderType) < 0 ||
                   PyModule_AddObjectRef(module, "Columns", (PyObject *)&ColumnsType) < 0))
        Py_CLEAR(module);
    return module;
}
