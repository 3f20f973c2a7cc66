/* The module: its functions. */
#include "core.h"

static PyMethodDef functions[] = {
    {"equality", native_equality, METH_VARARGS, "(by_bytes, Reference) -> core.equality.same."},
    {"plain_order", native_plain_order, METH_NOARGS, "() -> core.values.is_plain_order."},
    {"maker", native_maker, METH_O, "What makes the objects of a model, as model.objects does."},
    {"odd_values", native_odd_values, METH_VARARGS, "(changes, known, of) -> see engines.wrong_types."},
    {"references", native_references, METH_O, "What finds the documents of a slot, as engines.local.lookup does."},
    {"fields_of", native_fields_of, METH_VARARGS, "(Fields, pattern) -> core.fields.fields_of."},
    {"follow", native_follow, METH_O, "((Event, Fields, Doc, Told, Record, Subscribe)) -> operators.drained.follow.at_once."},
    {"match_steps", native_match_steps, METH_O, "((Fields, Doc, Told, Subscribe, Answer)) -> operators.drained.match.at_once."},
    {"place", native_place, METH_O, "((Fields, Doc, Told, Answer, Record)) -> operators.drained.placing.place."},
    {"reading", native_reading, METH_O, "((Reference, name, prefix, otherwise)) -> what operators.joins reads references with."},
    {"unseen", native_unseen, METH_O, "(value) -> core.compact.unseen."},
    {"show", native_show, METH_O, "((ViewChange,)) -> operators.drained.showing.show."},
    {"lasting", native_lasting, METH_VARARGS, "(parts, Elements) -> model.lasting.alike."},
    {"lookup", native_lookup, METH_VARARGS, "(Lookup, Reference, path_of) -> Lookup.get."},
    {"kept_documents", native_kept_documents, METH_VARARGS, "(KeptView, KeptProgram) -> methods of KeptView by their names."},
    {"kept_rows", native_kept_rows, METH_VARARGS, "(KeptRows, RowProgram, Lookup) -> (KeptRows.change, KeptRows._fill)."},
    {"kept_view", native_kept_view, METH_VARARGS, "(KeptView, KeptProgram, Attribute, RowProgram, Many, NotLasting) -> KeptView.shown."},
    {"large_pages", native_large_pages, METH_NOARGS, "() -> whether what Python makes from now on may lie in large pages."},
    {"trim", native_trim, METH_NOARGS, "() -> whether freed memory was given back to the system."},
    {NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_native",
    .m_doc = "What every change passes, in C.",
    .m_size = -1,
    .m_methods = functions,
};

static Maps maps = {MAPS_VERSION, &CellsType, &PocketType, cells_get, pocket_next, pocket_size, cells_held, pocket_behind};

PyMODINIT_FUNC PyInit__native(void)
{
    PyObject *module = core_names() < 0 ? NULL : PyModule_Create(&definition);
    PyObject *capsule = module ? PyCapsule_New(&maps, MAPS_NAME, NULL) : NULL;
    if (module && (!capsule || PyModule_AddObjectRef(module, "maps", capsule) < 0 || PyModule_AddType(module, &PocketType) < 0 ||
                   PyModule_AddType(module, &CellsType) < 0))
        Py_CLEAR(module);
    Py_XDECREF(capsule);
    return module;
}
