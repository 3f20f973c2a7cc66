"""Cases with a name: a view and a history for each thing that an engine may get wrong."""

from __future__ import annotations

from dataclasses import replace

from ..core.values import Reference
from .cases import Case
from .histories import history_of
from .shapes import KINDS, Shape

VIA = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("via", "b", 1, ("s",))))
BY = Shape("V", "outV", (("root", "a", -1, ()), ("by", "b", 0, ("r",)), ("via", "c", 1, ("s",))))
ON = Shape("V", "outV", (("root", "a", -1, ()), ("on", "b", 0, ("k", "k"))))
IDS = Shape("V", "outV", (("root", "a", -1, ()), ("on", "d", 0, ("k", "part")), ("on", "b", 1, ("id", "id"))))
SELF = Shape("V", "outV", (("root", "a", -1, ()), ("via", "a", 0, ("r",)), ("by", "a", 0, ("r",))))
GROUPS = Shape(
    "V",
    "outV",
    (("root", "a", -1, ()), ("via", "b", 0, ("s",))),
    key=1,
    accumulators=(("count", 0, False, -1), ("sum", 0, False, -1), ("collect", 0, True, 2)),
)
EVERY = Shape(
    "V",
    "outV",
    (("root", "a", -1, ()), ("via", "b", 0, ("s",))),
    key=1,
    accumulators=tuple((kind, 0, False, 2) for kind in KINDS),
    having=True,
)
OVER = Shape(
    "V",
    "outV",
    (("root", "a", -1, ()), ("by", "b", 0, ("r",)), ("via", "c", 1, ("s",))),
    show="root",
    over=tuple((kind, 1, True, 2, beside, -1) for kind in KINDS for beside in (-1, 2)),
)
ROWS = Shape("V", "outV", (("root", "a", -1, ()),), paths="rows")
ROW_GROUPS = Shape("V", "outV", (("root", "a", -1, ()),), paths="rows", key=0, accumulators=(("count", 0, False, -1),))
CHOSEN = Shape(
    "V",
    "outV",
    (("root", "a", -1, ()), ("by", "b", 0, ("r",)), ("via", "c", 1, ("s",)), ("on", "b", 0, ("k", "k"))),
    selections=((1, "shown", "n", True, 2), (2, "shown", "", False, -1), (3, "alike", "n", False, 1)),
)
READER = Shape("W", "outW", (("root", "a", -1, ()), ("on", "o", 0, ("k", "n")), ("on", "b", 1, ("n", "k2"))))
FAMILY = Shape(
    "V",
    "outV",
    (("root", "u", -1, ()), ("via", "u", 0, ("r",)), ("via", "b", 0, ("s", "u")), ("by", "c", 1, ("r", "u"))),
)
STRICT = Shape(
    "V",
    "outV",
    (("root", "a", -1, ()), ("via", "b", 0, ("lines",)), ("by", "c", 0, ("m",))),
    selections=((0, "strict", "", False, -1), (1, "strict", "", False, -1), (2, "strict", "n", True, 1)),
)
BELOW = Shape("V", "outV", (("root", "b", -1, ("phantom",)), ("by", "d", 0, ("up",)), ("on", "c", 0, ("part", "k"))))
CLAIMS = Shape("V", "outV", (("root", "a", -1, ()),), paths="field")


def _ref(*paths: str) -> list[Reference[object]]:
    return [Reference(p) for p in paths]


FIXED: dict[str, Case] = {
    "a delete after the export of what was last written before it": Case(
        (VIA,), history_of(("b/1", {"n": 1}), ("a/1", {"r": _ref("b/1")}), ("b/1", None), exported=2)
    ),
    "a document that was deleted before the export stays deleted": Case(
        (VIA,), history_of(("a/1", {"r": _ref("b/1")}), ("b/1", {"n": 1}), ("b/1", None), ("b/2", {}), exported=4)
    ),
    "a reference moves": Case(
        (VIA,),
        history_of(
            ("b/1", {"n": 1}), ("b/2", {"n": 2}), ("a/1", {"r": _ref("b/1")}), ("a/1", {"r": _ref("b/2")}), exported=3
        ),
    ),
    "the same target through two parents": Case(
        (VIA,),
        history_of(
            ("b/9", {"n": 9}),
            ("b/1", {"s": Reference("b/9")}),
            ("b/2", {"s": Reference("b/9")}),
            ("a/1", {"r": _ref("b/1", "b/2", "b/1")}),
            ("b/1", {"s": None}),
            ("b/9", {"n": 10}),
            exported=1,
        ),
    ),
    "a document refers to itself": Case(
        (SELF,), history_of(("a/1", {"r": _ref("a/1"), "n": 1}), ("a/1", {"r": _ref("a/1"), "n": 2}))
    ),
    "ids of paths meet fields and each other": Case(
        (IDS,),
        history_of(
            ("b/9/d/1", {"n": 1}),
            ("a/1", {"k": ["9", "8"]}),
            ("b/1", {"n": 2, "k2": "x"}),
            ("b/8/d/1", {"n": 3}),
            ("b/9/d/1", None),
            ("b/1", None),
            ("b/9/d/2", {"n": 4}),
            ("b/2", {"n": 5}),
            exported=2,
        ),
    ),
    "a reference to nothing, then to something": Case(
        (VIA,), history_of(("a/1", {"r": _ref("b/1", "b/9")}), ("b/1", {"n": 1}))
    ),
    "a reverse reference moves to another root": Case(
        (BY,),
        history_of(
            ("a/1", {}),
            ("a/2", {}),
            ("b/1", {"r": _ref("a/1"), "s": Reference("c/1")}),
            ("c/1", {"n": 1}),
            ("b/1", {"r": _ref("a/2")}),
        ),
    ),
    "a root is deleted and created again": Case(
        (VIA,),
        history_of(
            ("b/1", {"n": 1}),
            ("a/1", {"r": _ref("b/1")}),
            ("a/1", None),
            ("b/1", {"n": 2}),
            ("a/1", {"r": _ref("b/1")}),
        ),
    ),
    "the newest member leaves": Case(
        (ON,), history_of(("a/1", {"k": 1}), ("b/1", {"k": 1}), ("b/2", {"k": 1}), ("b/2", {"k": 2}))
    ),
    "keys of other types do not meet": Case(
        (ON,), history_of(("a/1", {"k": 1}), ("b/1", {"k": 1.0}), ("b/2", {"k": True}), ("b/3", {"k": [1, None]}))
    ),
    "a group moves": Case(
        (GROUPS,),
        history_of(
            ("b/1", {"n": "g"}),
            ("a/1", {"n": 1, "s": Reference("b/1")}),
            ("a/2", {"n": 0.1, "s": Reference("b/1")}),
            ("b/1", {"n": "h"}),
        ),
    ),
    "every accumulator, while members change, move and go": Case(
        (EVERY,),
        history_of(
            ("b/1", {"n": "g"}),
            ("b/2", {"n": "h"}),
            *((f"a/{at}", {"n": n, "s": Reference("b/1")}) for at, n in enumerate((3, 1, 0.1, 3, 1.0, None, 2), 1)),
            ("a/2", None),
            ("a/1", {"n": 0.2, "s": Reference("b/1")}),
            ("a/3", {"n": 0.1, "s": Reference("b/2")}),
            ("a/4", {"n": 1, "s": None}),
            exported=5,
        ),
    ),
    "accumulators over a slot, and what its documents lead to": Case(
        (OVER,),
        history_of(
            ("a/1", {}),
            ("c/1", {"n": 5}),
            *((f"b/{at}", {"n": n, "r": _ref("a/1"), "s": Reference(f"c/{at % 2}")}) for at, n in enumerate((3, 1, 2))),
            ("c/0", {"n": 0.5}),
            ("b/1", {"n": 7, "r": _ref("a/1"), "s": Reference("c/0")}),
            ("c/0", {"n": 4}),
            ("b/2", {"n": 2, "r": _ref("a/2")}),
            ("c/1", None),
            exported=4,
        ),
    ),
    "a group becomes empty": Case(
        (GROUPS,), history_of(("b/1", {"n": "g"}), ("a/1", {"n": 1, "s": Reference("b/1")}), ("a/1", None))
    ),
    "rows come and go": Case((ROWS,), history_of(("a/1", {"t": ["u", "v"]}), ("a/1", {"t": ["v", "w"]}))),
    "repeated rows count": Case(
        (ROW_GROUPS,), history_of(("a/1", {"t": ["u", "u", "v"]}), ("a/1", {"t": ["u"]}), ("a/2", {"t": ["u"]}))
    ),
    "documents are chosen, ordered and limited": Case(
        (CHOSEN,),
        history_of(
            ("a/1", {"k": 1, "k2": "x"}),
            ("c/1", {"n": 5}),
            ("b/1", {"n": 1, "r": _ref("a/1"), "s": Reference("c/1"), "k": 1, "k2": "x"}),
            ("b/2", {"n": 2, "r": _ref("a/1"), "s": Reference("c/2"), "k": 1, "k2": "y"}),
            ("b/3", {"n": 3, "r": _ref("a/1"), "k": 1, "k2": "x"}),
            ("c/2", {"n": 6}),
            ("b/2", {"n": "hide", "r": _ref("a/1"), "s": Reference("c/2"), "k": 1, "k2": "x"}),
            ("a/1", {"k": 1, "k2": "y"}),
            ("b/3", None),
            ("c/1", {"n": "hide"}),
            exported=3,
        ),
    ),
    "a view reads the documents of another one": Case(
        (READER, replace(CLAIMS, name="V", show="root")),
        history_of(
            ("a/1", {"n": 1, "k": [1, 2]}),
            ("b/1", {"n": 5, "k2": 1}),
            ("a/2", {"n": 2, "k": 1}),
            ("a/1", {"n": 2, "k": [1, 2]}),
            ("b/1", {"n": 5, "k2": 2}),
            ("a/2", None),
            ("a/1", {"n": 1, "k": 1}),
            exported=3,
        ),
    ),
    "a root that does not exist shows while documents lie below it": Case(
        (BELOW,),
        history_of(
            ("c/1", {"k": "1", "n": 1}),
            ("b/1/d/1", {"n": 2}),
            ("b/1", {"n": 3}),
            ("b/1/d/1", None),
            ("b/1", None),
            ("b/1/d/2", {"n": 4}),
            ("c/1", None),
            exported=2,
        ),
    ),
    "slots hold documents of several collections": Case(
        (FAMILY,),
        history_of(
            ("b/1", {"n": 1, "r": _ref("b/2", "c/1", "a/1"), "s": Reference("c/2")}),
            ("c/1", {"n": 2, "r": _ref("b/1", "b/1"), "s": Reference("b/1")}),
            ("b/2", {"n": 3}),
            ("c/2", {"n": 4, "r": _ref("b/2")}),
            ("b/1", {"n": 1, "r": _ref("c/1"), "s": Reference("b/2")}),
            ("c/1", None),
            ("a/1", {"n": 5}),
            ("c/1", {"n": 6, "r": _ref("c/1")}),
            exported=3,
        ),
    ),
    "documents of a wrong type do not count while they have it": Case(
        (STRICT,),
        history_of(
            ("a/1", {"n": 1, "lines": [{"p": Reference("b/1")}, {"p": Reference("b/2")}, {}, 7]}),
            ("b/1", {"n": "text"}),
            ("b/2", {"n": 2}),
            ("c/1", {"n": 3, "m": {"p": Reference("a/1")}}),
            ("c/2", {"n": 4, "m": {"p": Reference("a/1")}}),
            ("c/2", {"n": True, "m": {"p": Reference("a/1")}}),
            ("b/1", {"n": 1.5}),
            ("a/1", {"n": "text", "lines": [{"p": Reference("b/1")}]}),
            ("b/2", {"n": "text"}),
            ("a/1", {"n": None, "lines": [{"p": Reference("b/1")}, {"p": Reference("b/2")}]}),
            exported=4,
        ),
    ),
    "two roots name one path": Case(
        (CLAIMS,), history_of(("a/2", {"n": "p"}), ("a/1", {"n": "p"}), ("a/2", {"n": "q"}), ("a/1", None))
    ),
    "a number changes its type": Case((VIA,), history_of(("a/1", {"n": 1}), ("a/1", {"n": 1.0}), ("a/2", {"n": True}))),
    "an unread field changes": Case((VIA,), history_of(("a/1", {"n": 1, "x": 1}), ("a/1", {"n": 1, "x": 2}))),
}
"""Cases with a name; each runs in order, reversed, shuffled and repeated."""
