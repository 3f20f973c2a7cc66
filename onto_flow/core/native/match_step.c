/* operators.match.MatchStep.run at a key with few documents and few roots: documents come and go, roots ask and cease to. */
#include "match_step.h"

/* match_steps(queue, states, queues, stage) */
enum { QUEUE, STATES, QUEUES, STAGE };

static const long long MARK = 1LL << 32; /* operators.drained.editions.MARK */

static int is_doc(const Step *step, PyObject *held)
{
    return (PyObject *)Py_TYPE(held) == PyTuple_GET_ITEM(step->types, T_OF_DOC);
}

/* Whether all keys travel that a document asks for. */
static int says_all(const Step *step, PyObject *doc)
{
    if (!is_doc(step, doc))
        return 0;
    for (Py_ssize_t n = 0; FIELDS_OF(doc) != Py_None && n < match_children(step); n++)
        if (!match_asked(step, doc, match_child(step, n)))
            return 0;
    return 1;
}

static int all_say_all(const Step *step)
{
    Py_ssize_t at = 0;
    PyObject *path, *doc;
    while (step->docs && map_next(step->docs, &at, &path, &doc))
        if (!says_all(step, doc))
            return 0;
    return 1;
}

static int add_weights(Step *step, PyObject *message)
{
    PyObject *roots = PyTuple_GET_ITEM(message, 0);
    if (!step->weights && !(step->weights = PyDict_New()))
        return -1;
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(roots); n++) {
        PyObject *root = PyTuple_GET_ITEM(PyTuple_GET_ITEM(roots, n), 0), *weight = PyTuple_GET_ITEM(PyTuple_GET_ITEM(roots, n), 1);
        PyObject *held = PyDict_GetItemWithError(step->weights, root), *sum = NULL;
        if ((!held && PyErr_Occurred()) || !(sum = held ? PyNumber_Add(held, weight) : Py_NewRef(weight)))
            return -1;
        int done = PyDict_SetItem(step->weights, root, sum);
        Py_DECREF(sum);
        if (done < 0)
            return -1;
    }
    return 0;
}

/* Sorts the messages; 0: they are left to the step. */
static int take(Step *step, PyObject *messages)
{
    for (Py_ssize_t n = 0; n < PyList_GET_SIZE(messages); n++) {
        PyObject *message = PyList_GET_ITEM(messages, n), *kind = (PyObject *)Py_TYPE(message);
        if (kind == PyTuple_GET_ITEM(step->types, T_OF_SUBSCRIBE)) {
            if (add_weights(step, message) < 0)
                return -1;
        } else if (kind != PyTuple_GET_ITEM(step->types, T_OF_TOLD) || step->told) {
            return 0;
        } else {
            step->told = message;
            step->path = PyTuple_GET_ITEM(message, 0);
            step->doc = PyTuple_GET_ITEM(message, 1);
        }
    }
    return 1;
}

/* The cells of the key; 0: something is under way there, or there is much. */
static int open_cells(Step *step)
{
    PyObject *cells = PyDict_GetItemWithError(step->states, step->key), *other;
    Py_ssize_t most = PyLong_AsSsize_t(OF_STAGE(MOST));
    if (!cells)
        return PyErr_Occurred() ? -1 : 1;
    step->cells = Py_NewRef(cells);
    PyObject *names[] = {name_left, name_round};
    for (int n = 0; n < 2; n++) {
        if (cell_of(cells, names[n], &other) < 0)
            return -1;
        Py_XDECREF(other);
        if (other)
            return 0;
    }
    if (cell_of(cells, name_docs, &step->docs) < 0 || cell_of(cells, name_subs, &step->subs) < 0)
        return -1;
    PyObject *maps[] = {step->docs, step->subs};
    for (int n = 0; n < 2; n++)
        if (maps[n] && (!is_map(maps[n]) || (most && map_size(maps[n]) > most)))
            return 0;
    return 1;
}

static int has_key(const Step *step, PyObject *keys)
{
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(keys); n++) {
        PyObject *key = PyTuple_GET_ITEM(keys, n);
        int is = PyObject_RichCompareBool(PyTuple_GET_ITEM(key, 0), OF_STAGE(SLOT_INDEX), Py_EQ);
        if (is == 1)
            is = PyObject_RichCompareBool(PyTuple_GET_ITEM(key, 1), step->key, Py_EQ);
        if (is)
            return is;
    }
    return 0;
}

/* What the document is to the key, now and before; 0: it is left to the step. */
static int look(Step *step)
{
    if (!step->told)
        return 1;
    if (!is_doc(step, step->doc) || (step->docs && value_of(step->docs, step->path, &step->before) < 0))
        return step->before || PyErr_Occurred() ? -1 : 0;
    if (step->before && !is_doc(step, step->before))
        return 0;
    PyObject *keys = PyTuple_GET_ITEM(step->doc, 2), *known = step->before ? step->before : OF_STAGE(NOWHERE);
    step->is_news = is_newer(PyTuple_GET_ITEM(step->doc, 0), PyTuple_GET_ITEM(known, 0));
    step->is_member = FIELDS_OF(step->doc) != Py_None && keys != Py_None;
    if (step->is_member && OF_STAGE(IS_VIA) != Py_True)
        step->is_member = has_key(step, keys);
    if (step->is_news < 0 || step->is_member < 0)
        return -1;
    /* What leaves is told of to who comes. */
    if (step->is_news && !step->is_member && step->weights)
        return 0;
    return says_all(step, step->doc) && (!step->before || says_all(step, step->before));
}

static int make_map(Step *step, PyObject *name, PyObject **map)
{
    if (*map)
        return 0;
    if (!step->cells && !(step->cells = PyObject_CallNoArgs(OF_STAGE(NEW_CELLS))))
        return -1;
    *map = PocketType.tp_alloc(&PocketType, 0);
    return *map ? cell_set(step->cells, name, *map) : -1;
}

static int take_document(Step *step)
{
    if (step->is_member)
        return make_map(step, name_docs, &step->docs) < 0 ? -1 : map_set(step->docs, step->path, step->doc);
    return step->before ? map_delete(step->docs, step->path) : 0;
}

static int reweigh_one(Step *step, PyObject *root, PyObject *weight)
{
    PyObject *value = NULL, *now = NULL;
    long long added = PyLong_AsLongLong(weight), held = 0;
    int done = -1;
    if (PyErr_Occurred() || (step->subs && value_of(step->subs, root, &value) < 0))
        return -1;
    if (value && (held = PyLong_AsLongLong(value)) == -1 && PyErr_Occurred())
        goto done;
    long long old = held % MARK;
    if (old + added)
        done = (now = PyLong_FromLongLong(held + added)) && make_map(step, name_subs, &step->subs) == 0
                   ? map_set(step->subs, root, now)
                   : -1;
    else
        done = value ? map_delete(step->subs, root) : 0;
    if (done == 0 && !old && added)
        done = PyList_Append(step->came, root);
    else if (done == 0 && old && !(old + added))
        done = PyList_Append(step->ceased, root);
done:
    Py_XDECREF(value);
    Py_XDECREF(now);
    return done;
}

static int reweigh(Step *step)
{
    PyObject *root, *weight;
    Py_ssize_t at = 0;
    if (!(step->came = PyList_New(0)) || !(step->ceased = PyList_New(0)))
        return -1;
    while (step->weights && PyDict_Next(step->weights, &at, &root, &weight))
        if (reweigh_one(step, root, weight) < 0)
            return -1;
    return 0;
}

static int drop_empty(const Step *step, PyObject *name, PyObject *map)
{
    return map && !map_size(map) ? PyObject_DelItem(step->cells, name) : 0;
}

/* As engines.local.step.keep. */
static int keep(const Step *step)
{
    if (!step->cells)
        return 0;
    if (drop_empty(step, name_docs, step->docs) < 0 || drop_empty(step, name_subs, step->subs) < 0)
        return -1;
    if ((step->docs && map_size(step->docs)) || (step->subs && map_size(step->subs)))
        return PyDict_SetItem(step->states, step->key, step->cells);
    int there = PyDict_Contains(step->states, step->key);
    return there == 1 ? PyDict_DelItem(step->states, step->key) : there;
}

static int run(Step *step)
{
    if (step->is_news && take_document(step) < 0)
        return -1;
    if (reweigh(step) < 0 || (step->is_news && match_tell(step) < 0))
        return -1;
    if (match_answer(step, step->came, 1) < 0 || match_answer(step, step->ceased, -1) < 0)
        return -1;
    return keep(step);
}

/* 1: done, 0: left to the step, -1: failed. */
static int match_one(PyObject *types, PyObject *const *given, PyObject *key, PyObject *messages)
{
    Step step = {.types = types, .states = given[STATES], .queues = given[QUEUES], .stage = given[STAGE], .key = key};
    int done = PyList_CheckExact(messages) ? take(&step, messages) : 0;
    if (done == 1)
        done = open_cells(&step);
    if (done == 1)
        done = look(&step);
    if (done == 1 && step.weights)
        done = all_say_all(&step);
    if (done == 1 && !PyErr_Occurred())
        done = run(&step) < 0 ? -1 : 1;
    Py_XDECREF(step.cells);
    Py_XDECREF(step.docs);
    Py_XDECREF(step.subs);
    Py_XDECREF(step.before);
    Py_XDECREF(step.weights);
    Py_XDECREF(step.came);
    Py_XDECREF(step.ceased);
    return PyErr_Occurred() ? -1 : done;
}

static PyObject *match_steps(PyObject *types, PyObject *const *given, Py_ssize_t count)
{
    if (count != 4 || !PyDict_Check(given[QUEUE]) || !PyDict_Check(given[STATES]) || !PyDict_Check(given[QUEUES]) ||
        !PyTuple_CheckExact(given[STAGE]) || PyTuple_GET_SIZE(given[STAGE]) != STAGE_PARTS) {
        PyErr_SetString(PyExc_TypeError, "match_steps takes a queue, states, queues and a stage");
        return NULL;
    }
    PyObject *key, *messages, *left = PyList_New(0);
    Py_ssize_t at = 0;
    while (left && PyDict_Next(given[QUEUE], &at, &key, &messages)) {
        int done = match_one(types, given, key, messages);
        PyObject *pair = done ? NULL : PyTuple_Pack(2, key, messages);
        if (done < 0 || (!done && (!pair || PyList_Append(left, pair) < 0)))
            Py_CLEAR(left);
        Py_XDECREF(pair);
    }
    return left;
}

static PyMethodDef match_method = {"match_steps", (PyCFunction)(void (*)(void))match_steps, METH_FASTCALL,
                                   "(queue, states, queues, stage) -> what is left to the steps."};

PyObject *native_match_steps(PyObject *module, PyObject *types) { return with_types(&match_method, types, TYPES); }
