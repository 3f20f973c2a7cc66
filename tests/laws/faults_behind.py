"""Faults in assemble and what comes behind it: records, groups, owners, restores."""

from __future__ import annotations

from tests.laws.breaking import Fault

RECORD = "operators.record"
ASSEMBLE = "operators.assemble"
AGGREGATE = "operators.aggregate"
OWN = "operators.own"
RECOVERY = "testing.recovery"
SELECTION = "operators.selection"
JOINS = "operators.joins"
RELAY = "operators.relay"
ROUTES = "operators.routes"

FAULTS_BEHIND = (
    Fault(
        "a document that fails `where` is a member",
        ((RECORD, "elif not some_count or joins.counts(slot.index, key, fields):", "else:"),),
    ),
    Fault(
        "a document that fails `where` asks for others",
        ((JOINS, "if not self.counts(slot.parent, path, fields):", "if False:"),),
    ),
    Fault("`where` compares with any parent", ((SELECTION, "if any(meet(path, fields, p, f) and", "if any("),)),
    Fault("the limit goes by path", ((SELECTION, "paths.sort(", "0 and paths.sort("),)),
    Fault("ties are not in path order", ((SELECTION, "sorted(docs, key=path_order)", "list(docs)"),)),
    Fault(
        "slots start from documents beyond the limit",
        ((RECORD, "found[slot.index] = joins.selected(slot, docs, parents)", "found[slot.index] = docs"),),
    ),
    Fault("a relay takes what comes last", ((RELAY, "if event.version <= tuple(version):", "if False:"),)),
    Fault(
        "a relay tells what is there and not what went",
        ((RELAY, "before, after).send(ctx)", "None, after).send(ctx)"),),
    ),
    Fault("a phantom asks for nothing", ((ROUTES, "if slot in self.joins.below:", "if False:"),)),
    Fault("a phantom stays", ((RECORD, "found[0] = {root: {}} if any(below) else {}", "found[0] = {root: {}}"),)),
    Fault(
        "uncovered dropped at once without order",
        ((ASSEMBLE, "fresh = set(named)", "for path in uncovered:\n            del record.reg[path]\n        return"),),
    ),
    Fault("uncovered never dropped", ((ASSEMBLE, "fresh = set(named)", "return"),)),
    Fault(
        "answer state by last arrival",
        (
            (
                RECORD,
                "weight = keys.get(answer.key, 0) + answer.weight",
                "weight = answer.weight or keys.get(answer.key, 0)",
            ),
        ),
    ),
    Fault(
        "negative answers are dropped",
        ((RECORD, "if weight:\n            keys[", "if weight > 0:\n            keys["),),
    ),
    Fault(
        "an open weight of zero stays (2)",
        (
            (
                RECORD,
                "        else:\n            keys.pop(answer.key, None)\n            if not keys:",
                "        elif answer.weight < 0:\n            keys.pop(answer.key, None)\n        else:\n            keys[answer.key] = 0\n            if not keys:",
            ),
        ),
    ),
    Fault(
        "register by last arrival, assemble",
        ((RECORD, "if held is None or held.version < doc.version or", "if True or"),),
    ),
    Fault(
        "one version per slot instead of per record",
        (
            (
                RECORD,
                'docs = _by_path(record, keys, slot, joins) if slot.kind == "via" else',
                'docs = _by_path(record, keys, slot, joins) if slot.kind == "via" and slot.index == 1 else _first(record, slot, keys, joins) if slot.kind == "via" else',
            ),
            (
                RECORD,
                "def _by_key(",
                "def _first(record, slot, keys, joins):\n    shown = _by_path(record, keys, slot, joins)\n    if shown is HOLD:\n        return HOLD\n    return {p: record.before.get(p, f) for p, f in shown.items()}\n\n\ndef _by_key(",
            ),
            (RECORD, '__slots__ = (\n        "asked",\n', '__slots__ = (\n        "asked",\n        "before",\n'),
            (
                RECORD,
                "self.reg: dict[str, Doc] = new_map()\n",
                "self.reg: dict[str, Doc] = new_map()\n        self.before = {}\n",
            ),
            (
                RECORD,
                "            self.reg[path] = doc\n            return True",
                "            if held is not None and held.fields is not None:\n                self.before[path] = held.fields\n            self.reg[path] = doc\n            return True",
            ),
        ),
    ),
    Fault(
        "n restarts",
        (
            (
                RECORD,
                "return bool(self.seq or self.reg or self.open or self.last)",
                "return bool(self.open or self.last or any(d.fields is not None for d in self.reg.values()))",
            ),
        ),
    ),
    Fault("n restarts in a group", ((AGGREGATE, "if group.size or group.seq else None", "if group.size else None"),)),
    Fault(
        "aggregate deltas without order",
        (
            (
                AGGREGATE,
                "if held is not None and held[0] >= message.seq:\n                return\n            _, old, _, was_failed = held or (0, None, 0, False)",
                "pass",
            ),
        ),
    ),
    Fault(
        "aggregate without member sequence",
        ((AGGREGATE, "if held is not None and held[0] >= message.seq:", "if False:"),),
    ),
    Fault(
        "a member that left a group leaves no tombstone",
        (
            (
                AGGREGATE,
                'if message.new is None:\n                ctx.set_timer("garbage", ctx.now + self.profile.keep_left)',
                "if message.new is None:\n                del members[message.root]",
            ),
        ),
    ),
    Fault(
        "no hold for unanswered keys",
        (
            (RECORD, "missing = next((k for k in reversed(keys) if answered.get(k, 0) <= 0), None)", "missing = None"),
            (RECORD, "if doc is None:\n            return HOLD", "if doc is None:\n            continue"),
            (
                RECORD,
                "if own is not None:\n                return HOLD",
                "if own is not None:\n                continue",
            ),
        ),
    ),
    Fault(
        "no hold for gone registers",
        (
            (
                RECORD,
                "if doc.fields is None:\n                return HOLD",
                "if doc.fields is None:\n                continue",
            ),
            (RECORD, "if doc is None:\n            return HOLD", "if doc is None:\n            continue"),
            (
                RECORD,
                "if own is not None:\n                return HOLD",
                "if own is not None:\n                continue",
            ),
        ),
        directed=True,
    ),
    Fault("unchanged emitted again", (("operators.kept_members", "if not same(last.get(o), shown.get(o))]", "]"),)),
    Fault(
        "gone under an open via key stays unknown after G",
        ((ASSEMBLE, "record.reg[path] = known_missing()", "pass"),),
        directed=True,
    ),
    Fault(
        "time to live of an uncovered register is not renewed (1)",
        ((ASSEMBLE, "due if p in fresh else record.due.get(p, due)", "record.due.get(p, due)"),),
        directed=True,
    ),
    Fault(
        "old departures count where nothing is held",
        ((RECORD, "if held is not None else left.young", "if held is not None else True"),),
        directed=True,
    ),
    Fault(
        "an equal version does not replace gone",
        ((RECORD, "(held.version == doc.version and held.gone and not doc.gone)", "False"),),
    ),
    Fault(
        "own: the last to arrive wins",
        (
            (
                OWN,
                'roots = sorted((r for r, c in ctx.map("claims").items() if c[1] is not None), key=path_order)',
                'roots = [m.root for m in messages if isinstance(m, Claim) and m.document is not None][-1:] or [r for r, c in ctx.map("claims").items() if c[1] is not None]',
            ),
        ),
    ),
    Fault("own: claims without sequence", ((OWN, "if held is not None and held[0] >= claim.seq:", "if False:"),)),
    Fault(
        "own: a claim taken back deletes",
        (
            (
                OWN,
                '_, shown, _, fails = ctx.map("claims")[roots[0]] if roots else',
                '_, shown, _, fails = ctx.map("claims")[roots[0]] if roots and messages[-1].document is not None else',
            ),
        ),
    ),
    Fault(
        "restore: sequence alone",
        ((RECOVERY, 'if self.form == "epoch":\n            self._fall_silent(snapshot.emitted)', "pass"),),
        mode="epoch",
    ),
    Fault(
        "restore: no silence",
        (
            (
                RECOVERY,
                "engine.silent_stages = set(engine.names)\n        engine.silent_keys = {name: set() for name in engine.names}",
                "engine.silent_keys = {name: set() for name in engine.names}",
            ),
        ),
        mode="epoch",
    ),
    Fault(
        "restore: not again",
        (
            (
                RECOVERY,
                "for operator, key, path in rows:\n            engine.enqueue(operator, key, Republish(path))\n        engine.unanswered = len(rows)",
                "pass",
            ),
        ),
        mode="epoch",
    ),
    Fault(
        "restore: the signal does not go by stages (5)",
        (
            (
                RECOVERY,
                "if any(self._unsure(n) for n in above) or self._waits(name):\n                continue",
                'if self._waits("ingest"):\n                continue',
            ),
        ),
        mode="epoch",
    ),
    Fault(
        "restore: a group that forgot its path is not published again",
        (
            (
                AGGREGATE,
                "for again in {m.path for m in messages if isinstance(m, Republish)}:",
                "for again in {m.path for m in messages if isinstance(m, Republish) and group.path is not None}:",
            ),
        ),
        mode="epoch",
    ),
    Fault(
        "equality of Python instead of types",
        (("operators.kept_members", "if not same(last.get(o), shown.get(o))", "if last.get(o) != shown.get(o)"),),
    ),
)
