/* The module: its functions. */
#include "core.h"

static PyMethodDef functions[] = {
    {"equality", native_equality, METH_VARARGS, "(by_bytes, Reference) -> core.equality.same."},
    {NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_native",
    .m_doc = "What every change passes, in C.",
    .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModule_Create(&definition); }
