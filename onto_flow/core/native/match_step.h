/* A step of match in C: what its two files share. */
#ifndef ONTO_FLOW_MATCH_STEP_H
#define ONTO_FLOW_MATCH_STEP_H

#include "core.h"

/* What is known of a match: its slot, whether that is a `via`, how many roots and documents one step may tell (0: all), the
   name of its assemble, ((code of what a member asks for, operator), ...), what makes cells, and the document that is nowhere. */
enum { SLOT_INDEX, IS_VIA, MOST, ASSEMBLE, CHILDREN, NEW_CELLS, NOWHERE, STAGE_PARTS };
enum { T_OF_FIELDS, T_OF_DOC, T_OF_TOLD, T_OF_SUBSCRIBE, T_OF_ANSWER, TYPES };
#define OF_STAGE(n) PyTuple_GET_ITEM(step->stage, n)
#define FIELDS_OF(doc) PyTuple_GET_ITEM(doc, 1)

typedef struct {
    PyObject *types, *states, *queues, *stage, *key;
    PyObject *cells, *docs, *subs;             /* owned, or NULL where there are none yet */
    PyObject *told, *path, *doc, *before;      /* the document that changed, borrowed, but `before`: what the key held */
    PyObject *weights;                         /* owned: root -> the sum of what it subscribed */
    PyObject *came, *ceased;                   /* owned lists of roots */
    int is_news, is_member;
} Step;

/* The keys at which a document asks for those of a child slot, borrowed; NULL: they do not travel with it (or an exception). */
PyObject *match_asked(const Step *step, PyObject *doc, PyObject *child);
PyObject *match_child(const Step *step, Py_ssize_t n);
Py_ssize_t match_children(const Step *step);

/* The document goes to the roots that have been active all the time, and they ask for what it asks for now. */
int match_tell(Step *step);

/* Answers some roots (weight 1), or ends their answers (-1). */
int match_answer(const Step *step, PyObject *roots, long weight);

#endif
