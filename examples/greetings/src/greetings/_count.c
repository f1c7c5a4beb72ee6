/* Counts the code points of a UTF-8 text: enough C to need a compiler and a Python's headers. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *
count(PyObject *self, PyObject *args)
{
    const char *text;
    Py_ssize_t size, at;
    long points = 0;

    (void)self;
    if (!PyArg_ParseTuple(args, "s#", &text, &size))
        return NULL;
    for (at = 0; at < size; at++)
        if (((unsigned char)text[at] & 0xc0) != 0x80)
            points++;
    return PyLong_FromLong(points);
}

static PyMethodDef methods[] = {
    {"count", count, METH_VARARGS, "count(text) -> number of code points"},
    {NULL, NULL, 0, NULL}
};

#if PY_MAJOR_VERSION >= 3
static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_count", NULL, -1, methods, NULL, NULL, NULL, NULL
};

PyMODINIT_FUNC
PyInit__count(void)
{
    return PyModule_Create(&module);
}
#else
PyMODINIT_FUNC
init_count(void)
{
    Py_InitModule("_count", methods);
}
#endif
