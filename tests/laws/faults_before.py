"""Faults in what comes before assemble: ingest, match, and the times that an engine promises."""

from __future__ import annotations

from tests.laws.breaking import Fault

MATCH = "operators.match"
INGEST = "operators.ingest"
READINGS = "operators.readings"
ROUND = "operators.round"
JOINS = "operators.joins"
ROUTES = "operators.routes"
SHUFFLING = "testing.shuffling"

FAULTS_BEFORE = (
    Fault("no left", ((MATCH, "self.left[path] = (doc.version, doc.keys, self.ctx.now)", "pass"),)),
    Fault("answers without left", ((MATCH, "[*self.docs, *self.left]", "self.docs"),)),
    Fault(
        "answers without left, drained",
        (
            (
                MATCH,
                "self.left[path] = (doc.version",
                "self.profile.drained or self.left.__setitem__(path, (doc.version",
            ),
            (MATCH, "doc.keys, self.ctx.now)\n", "doc.keys, self.ctx.now))\n"),
        ),
    ),
    Fault(
        "timers before the messages they wait for: G",
        (
            (SHUFFLING, "keep_uncovered=YOUNG + 1", "keep_uncovered=YOUNG // 3"),
            (SHUFFLING, "keep_uncovered=3 * YOUNG + 1", "keep_uncovered=YOUNG // 3"),
            ("operators.base", "if not self.drained and not", "if False and not"),
        ),
    ),
    Fault(
        "timers before the messages they wait for: K",
        (
            (SHUFFLING, "keep_left=2 * YOUNG + LATE + 2", "keep_left=YOUNG // 3"),
            (SHUFFLING, "keep_left=6 * YOUNG + LATE + 2", "keep_left=YOUNG // 3"),
            ("operators.base", "if not self.drained and not", "if False and not"),
        ),
    ),
    Fault(
        "a tombstone of match lives one period",
        (
            (SHUFFLING, "keep_left=2 * YOUNG + LATE + 2", "keep_left=YOUNG + 2"),
            (SHUFFLING, "keep_left=6 * YOUNG + LATE + 2", "keep_left=3 * YOUNG + 2"),
            ("operators.base", "if not self.drained and not", "if False and not"),
        ),
        directed=True,
    ),
    Fault("subscription as presence", ((MATCH, "new = old + weight", "new = max(-1, min(1, old + weight))"),)),
    Fault("subscription by last arrival", ((MATCH, "new = old + weight", "new = 1 if weight > 0 else 0"),)),
    Fault(
        "negative subscriptions are dropped",
        ((MATCH, "if new:\n                self.subs", "if new > 0:\n                self.subs"),),
    ),
    Fault(
        "one of two equal weights is lost",
        (
            (
                MATCH,
                "for message in messages:\n            if isinstance(message, Told)",
                "for message in dict.fromkeys(m if isinstance(m, Subscribe) else (m,) for m in messages):\n            message = message if isinstance(message, Subscribe) else message[0]\n            if isinstance(message, Told)",
            ),
            (MATCH, "(m,) for", "_Same(m) for"),
            (MATCH, "message[0]", "message.value"),
            (
                MATCH,
                "class Match:",
                "class _Same:\n    def __init__(self, value):\n        self.value = value\n\n\nclass Match:",
            ),
        ),
    ),
    Fault(
        "register by last arrival, match",
        (
            (MATCH, "if doc.version > known:", "if True:"),
            (MATCH, "if held is None or message.doc.version > held.version:", "if True:"),
        ),
    ),
    Fault(
        "no ingest tombstone",
        (
            (
                INGEST,
                'if after is None:\n            ctx.set_timer("garbage", ctx.now + self._profile.horizon)',
                'if after is None:\n            ctx.put("document", None)',
            ),
        ),
    ),
    Fault(
        "old key not told",
        (
            (
                ROUTES,
                "keys = dict.fromkeys(self.joins.doc_keys(slot, self.path, self.before))",
                "keys = dict.fromkeys(self.joins.doc_keys(slot, self.path, self.before) if self.after is None or slot.kind == 'via' else ())",
            ),
        ),
    ),
    Fault(
        "lost child unsubscription, ingest",
        ((ROUTES, "return [(k, -1) for k in old if k not in new] + [", "return ["),),
    ),
    Fault(
        "lost child unsubscription, match",
        ((MATCH, "subscribe = Subscribe(tuple([(r, -1) for r in ceased]))", "return"),),
    ),
    Fault(
        "a page sends what it kept",
        (
            (
                MATCH,
                "self.left[path] = (doc.version, doc.keys, self.ctx.now)",
                'self.left[path] = (doc.version, doc.keys, self.ctx.now)\n        if self.profile.page:\n            kept = {**dict(self.ctx.get("kept") or ()), path: tuple(doc)}\n            self.ctx.put("kept", tuple(kept.items()))',
            ),
            (
                MATCH,
                "answer = self._say(paths, 0)",
                'answer = self._say(paths, 0)\n        kept = dict(self.ctx.get("kept") or ())\n        if kept:\n            moved = tuple((p, Doc(*kept[p])) for p in paths if p in kept and p not in self.docs)\n            answer = answer._replace(members=answer.members + moved, left=())',
            ),
        ),
        directed=True,
    ),
    Fault(
        "a tombstone goes while a round is under way",
        ((MATCH, 'if self.ctx.get("round") is not None:\n            return\n        keep', "keep"),),
        directed=True,
    ),
    Fault(
        "an end during a round carries no news",
        ((MATCH, "news = under_way.unheard(root) if under_way is not None else ()", "news = ()"),),
        directed=True,
    ),
    Fault(
        "a round forgets what changes meanwhile",
        ((ROUND, "self.later = tuple(dict.fromkeys((*self.later, *paths)))", "pass"),),
    ),
    Fault(
        "departures bring fields (1b)",
        (
            (
                MATCH,
                "self.left[path] = (doc.version, doc.keys, self.ctx.now)",
                "self.left[path] = (doc.version, doc.keys, self.ctx.now, doc.fields)",
            ),
            (
                MATCH,
                "left.append(Left(path, entry[0], entry[1], entry[2] > young))",
                "members.append((path, Doc(entry[0], entry[3], entry[1])))",
            ),
        ),
        directed=True,
    ),
    Fault(
        "a deleted document is no departure of its via key (4b)",
        (
            (
                MATCH,
                'elif entry is not None and self.slot.kind == "via":\n                members.append((path, Doc(entry[0], None, None)))',
                'elif entry is not None and self.slot.kind == "via":\n                pass',
            ),
        ),
        directed=True,
    ),
    Fault(
        "fence: old upserts count",
        ((READINGS, "return event if micros > snapshot or event.version == (snapshot, 0) else None", "return event"),),
    ),
    Fault(
        "fence: a delete of what was written before is lost",
        (
            (
                READINGS,
                "return event if micros > snapshot else event._replace(version=(snapshot, 1))",
                "return event if micros > snapshot else None",
            ),
        ),
    ),
    Fault(
        "fence: deletes before the export count",
        ((READINGS, "if event.time is not None and event.time <= snapshot:\n        return None", "pass"),),
    ),
    Fault(
        "a change of unread fields goes on",
        (
            (
                INGEST,
                "return {n: v for n, v in fields.items() if n in wanted}",
                "return fields",
            ),
        ),
        directed=True,
    ),
    Fault(
        "a part of a path is read as the document's own id", ((JOINS, "[p.read(path)]", "[path.rpartition('/')[2]]"),)
    ),
    Fault("ids meet nothing", ((JOINS, "[p.read(path)]", "[]"),)),
    Fault("only the first pair counts", ((JOINS, "for p in places]", "for p in places[:1]]"),)),
)
