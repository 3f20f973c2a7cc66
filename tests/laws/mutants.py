"""Broken on purpose: every fault of the protocol's list, as a change of our own source, and what finds it.

Directed scenarios and random histories, of the shuffling engine and of the local flow, have to find each of them. `python -m tests.laws.mutants [SEEDS]` looks for all of them with that many random seeds and all scenarios.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterator

from tests.laws.breaking import Fault, broken

MATCH, RECORD, ASSEMBLE = "operators.match", "operators.record", "operators.assemble"
INGEST, AGGREGATE, OWN, SHUFFLING = "operators.ingest", "operators.aggregate", "operators.own", "testing.shuffling"
RECOVERY = "testing.recovery"

FAULTS = (
    Fault("no left", ((MATCH, "self.left[path] = (doc.version, doc.keys, self.ctx.now)", "pass"),)),
    Fault("answers without left", ((MATCH, "[*self.docs, *self.left]", "self.docs"),)),
    Fault("answers without left, drained", ((MATCH, "self.left[path] = (doc.version", "self.profile.drained or self.left.__setitem__(path, (doc.version"), (MATCH, "doc.keys, self.ctx.now)\n", "doc.keys, self.ctx.now))\n"))),
    Fault("uncovered dropped at once without order", ((ASSEMBLE, "if self.profile.drained:", "if True:"),)),
    Fault("uncovered never dropped", ((ASSEMBLE, "if self.profile.drained:", "if True: return\n        if False:"),)),
    Fault("timers before the messages they wait for: G", ((SHUFFLING, "keep_uncovered=YOUNG + 1", "keep_uncovered=YOUNG // 3"), (SHUFFLING, "keep_uncovered=3 * YOUNG + 1", "keep_uncovered=YOUNG // 3"), ("operators.base", "if not self.drained and not", "if False and not"))),
    Fault("timers before the messages they wait for: K", ((SHUFFLING, "keep_left=2 * YOUNG + LATE + 2", "keep_left=YOUNG // 3"), (SHUFFLING, "keep_left=6 * YOUNG + LATE + 2", "keep_left=YOUNG // 3"), ("operators.base", "if not self.drained and not", "if False and not"))),
    Fault("a tombstone of match lives one period", ((SHUFFLING, "keep_left=2 * YOUNG + LATE + 2", "keep_left=YOUNG + 2"), (SHUFFLING, "keep_left=6 * YOUNG + LATE + 2", "keep_left=3 * YOUNG + 2"), ("operators.base", "if not self.drained and not", "if False and not")), directed=True),
    Fault("subscription as presence", ((MATCH, "new = old + weight", "new = max(-1, min(1, old + weight))"),)),
    Fault("subscription by last arrival", ((MATCH, "new = old + weight", "new = 1 if weight > 0 else 0"),)),
    Fault("negative subscriptions are dropped", ((MATCH, "if new:\n                self.subs", "if new > 0:\n                self.subs"),)),
    Fault("one of two equal weights is lost", ((MATCH, "for message in messages:\n            if isinstance(message, Told)", "for message in dict.fromkeys(m if isinstance(m, Subscribe) else (m,) for m in messages):\n            message = message if isinstance(message, Subscribe) else message[0]\n            if isinstance(message, Told)"), (MATCH, "(m,) for", "_Same(m) for"), (MATCH, "message[0]", "message.value"), (MATCH, "class Match:", "class _Same:\n    def __init__(self, value):\n        self.value = value\n\n\nclass Match:"))),
    Fault("answer state by last arrival", ((RECORD, "weight = self.open.get(asked, 0) + answer.weight", "weight = answer.weight or self.open.get(asked, 0)"),)),
    Fault("negative answers are dropped", ((RECORD, "if weight:\n            self.open", "if weight > 0:\n            self.open"),)),
    Fault("an open weight of zero stays (2)", ((RECORD, "        else:\n            self.open.pop(asked, None)", "        elif answer.weight < 0:\n            self.open.pop(asked, None)\n        else:\n            self.open[asked] = 0"),)),
    Fault("register by last arrival, assemble", ((RECORD, "if held is None or held.version < doc.version or", "if True or"),)),
    Fault("register by last arrival, match", ((MATCH, "if doc.version > known:", "if True:"), (MATCH, "if held is None or message.doc.version > held.version:", "if True:"))),
    Fault("no ingest tombstone", ((INGEST, "        if not same(before, after):\n            self._report", "        if after is None:\n            ctx.put(\"document\", None)\n        if not same(before, after):\n            self._report"),)),
    Fault("old key not told", ((INGEST, "keys = dict.fromkeys(self.joins.doc_keys(slot, self.path, self.before))", "keys = dict.fromkeys(self.joins.doc_keys(slot, self.path, self.before) if self.after is None or slot.kind == 'via' else ())"),)),
    Fault("lost child unsubscription, ingest", ((INGEST, "return [(k, -1) for k in old if k not in new] + [", "return ["),)),
    Fault("lost child unsubscription, match", ((MATCH, "self.ctx.send(operator, key, Subscribe(tuple((r, -1) for r in ceased)))", "pass"),)),
    Fault("one version per slot instead of per record", ((RECORD, "docs = _by_path(record, keys) if slot.kind == \"via\" else", "docs = _by_path(record, keys) if slot.kind == \"via\" and slot.index == 1 else _first(record, slot, keys) if slot.kind == \"via\" else"), (RECORD, "def _by_key(", "def _first(record, slot, keys):\n    shown = _by_path(record, keys)\n    if shown is HOLD:\n        return HOLD\n    return {p: record.before.get(p, f) for p, f in shown.items()}\n\n\ndef _by_key("), (RECORD, "__slots__ = (\"behind\",", "__slots__ = (\"before\", \"behind\","), (RECORD, "self.reg: dict[str, Doc] = {}\n", "self.reg: dict[str, Doc] = {}\n        self.before = {}\n"), (RECORD, "            self.reg[path] = doc\n            return True", "            if held is not None and held.fields is not None:\n                self.before[path] = held.fields\n            self.reg[path] = doc\n            return True"))),
    Fault("n restarts", ((RECORD, "return bool(self.seq or self.reg or self.open or self.last)", "return bool(self.open or self.last or any(d.fields is not None for d in self.reg.values()))"),)),
    Fault("n restarts in a group", ((AGGREGATE, "if fold.size or seq else None", "if fold.size else None"),)),
    Fault("aggregate deltas without order", ((AGGREGATE, "if held is not None:\n                if held[0] >= message.seq:\n                    return\n                old = held[1]\n            elif not self.profile.drained:\n                old = None", "pass"),)),
    Fault("aggregate without member sequence", ((AGGREGATE, "if held[0] >= message.seq:\n                    return\n                old", "old"),)),
    Fault("a member that left a group leaves no tombstone", ((AGGREGATE, "if message.new is None and self.profile.drained:", "if message.new is None:"),)),
    Fault("no hold for unanswered keys", ((RECORD, "if not slot.fused and not all(record.is_open(slot.index, k) for k in keys):", "if False:"), (RECORD, "if doc is None or doc.gone:\n            return HOLD", "if doc is None or doc.gone:\n            continue"))),
    Fault("no hold for gone registers", ((RECORD, "if doc.fields is None:\n                return HOLD", "if doc.fields is None:\n                continue"), (RECORD, "if doc is None or doc.gone:\n            return HOLD", "if doc is None or doc.gone:\n            continue")), directed=True),
    Fault("unchanged emitted again", ((ASSEMBLE, "if not same(record.last.get(o), shown.get(o))]", "]"),)),
    Fault("a page sends what it kept", ((MATCH, "self.left[path] = (doc.version, doc.keys, self.ctx.now)", "self.left[path] = (doc.version, doc.keys, self.ctx.now)\n        if self.profile.page:\n            kept = {**dict(self.ctx.get(\"kept\") or ()), path: tuple(doc)}\n            self.ctx.put(\"kept\", tuple(kept.items()))"), (MATCH, "answer = self._say(paths, 0)", "answer = self._say(paths, 0)\n        kept = dict(self.ctx.get(\"kept\") or ())\n        if kept:\n            moved = tuple((p, Doc(*kept[p])) for p in paths if p in kept and p not in self.docs)\n            answer = answer._replace(members=answer.members + moved, left=())")), directed=True),
    Fault("a tombstone goes while a round is under way", ((MATCH, "if self.ctx.get(\"round\") is not None:\n            return\n        keep", "keep"),), directed=True),
    Fault("an end during a round carries no news", ((MATCH, "news = [*(todo.get(root) or ()), *waiting]", "news = []"),), directed=True),
    Fault("a round forgets what changes meanwhile", ((MATCH, "(*later, *(p for p in paths if p not in later))", "later"),)),
    Fault("gone under an open via key stays unknown after G", ((ASSEMBLE, "record.reg[path] = known_missing()", "pass"),), directed=True),
    Fault("time to live of an uncovered register is not renewed (1)", ((ASSEMBLE, "due if p in fresh else record.due.get(p, due)", "record.due.get(p, due)"),), directed=True),
    Fault("departures bring fields (1b)", ((MATCH, "self.left[path] = (doc.version, doc.keys, self.ctx.now)", "self.left[path] = (doc.version, doc.keys, self.ctx.now, doc.fields)"), (MATCH, "left.append(Left(path, entry[0], entry[1], entry[2] > young))", "members.append((path, Doc(entry[0], entry[3], entry[1])))")), directed=True),
    Fault("a deleted document is no departure of its via key (4b)", ((MATCH, "elif entry is not None and self.slot.kind == \"via\":\n                members.append((path, Doc(entry[0], None, None)))", "elif entry is not None and self.slot.kind == \"via\":\n                pass"),), directed=True),
    Fault("old departures count where nothing is held", ((RECORD, "if held is not None else left.young", "if held is not None else True"),), directed=True),
    Fault("an equal version does not replace gone", ((RECORD, "(held.version == doc.version and held.gone and not doc.gone)", "False"),)),
    Fault("own: the last to arrive wins", ((OWN, "roots = sorted((r for r, c in ctx.map(\"claims\").items() if c[1] is not None), key=path_order)", "roots = [m.root for m in messages if isinstance(m, Claim) and m.document is not None][-1:] or [r for r, c in ctx.map(\"claims\").items() if c[1] is not None]"),)),
    Fault("own: claims without sequence", ((OWN, "if held is not None and held[0] >= claim.seq:", "if False:"),)),
    Fault("own: a claim taken back deletes", ((OWN, "shown: Document | None = ctx.map(\"claims\")[roots[0]][1] if roots else None", "shown: Document | None = ctx.map(\"claims\")[roots[0]][1] if roots and messages[-1].document is not None else None"),)),
    Fault("restore: sequence alone", ((RECOVERY, "if self.form == \"epoch\":\n            self._fall_silent(snapshot.emitted)", "pass"),), mode="epoch"),
    Fault("restore: no silence", ((RECOVERY, "engine.silent_stages = set(engine.names)\n        engine.silent_keys = {name: set() for name in engine.names}", "engine.silent_keys = {name: set() for name in engine.names}"),), mode="epoch"),
    Fault("restore: not again", ((RECOVERY, "for operator, key, path in rows:\n            engine.enqueue(operator, key, Republish(path))\n        engine.unanswered = len(rows)", "pass"),), mode="epoch"),
    Fault("restore: the signal does not go by stages (5)", ((RECOVERY, "if any(self._unsure(n) for n in above) or self._waits(name):\n                continue", "if self._waits(\"ingest\"):\n                continue"),), mode="epoch"),
    Fault("restore: a group that forgot its path is not published again", ((AGGREGATE, "for again in {m.path for m in messages if isinstance(m, Republish)}:", "for again in {path for m in messages if isinstance(m, Republish) and path is not None}:"),), mode="epoch"),
    Fault("fence: old upserts count", ((INGEST, "return event if micros > snapshot or event.version == (snapshot, 0) else None", "return event"),)),
    Fault("fence: a delete of what was written before is lost", ((INGEST, "return event if micros > snapshot else event._replace(version=(snapshot, 1))", "return event if micros > snapshot else None"),)),
    Fault("fence: deletes before the export count", ((INGEST, "if event.time is not None and event.time <= snapshot:\n        return None", "pass"),)),
    Fault("equality of Python instead of types", ((ASSEMBLE, "if not same(record.last.get(o), shown.get(o))", "if record.last.get(o) != shown.get(o)"),)),
    Fault("a change of unread fields goes on", ((INGEST, "return fields if wanted is None else {n: v for n, v in fields.items() if n in wanted}", "return fields"),), directed=True),
)


def found_by_scenario(fault: Fault) -> list[str]:
    """The directed scenarios that fail."""
    with broken(fault):
        scenarios = importlib.import_module("tests.laws.scenarios").SCENARIOS
        return [name for name, scenario in scenarios.items() if _complains(scenario)]


def found_at_random(fault: Fault, seeds: range) -> str | None:
    """The first seed whose run complains, local or shuffled; `None` when all pass."""
    with broken(fault):
        simulation = importlib.import_module("onto_flow.testing.simulation")
        local = importlib.import_module("tests.laws.local")
        for seed in seeds:
            if _complains(simulation.run_seed, seed, fault.mode):
                return f"seed:{seed}"
            if not fault.mode and _complains(local.run_seed, seed):
                return f"local:{seed}"
    return None


def _complains(run: object, *args: object) -> bool:
    assert callable(run)
    try:
        return bool(run(*args))
    except Exception:
        return True


def main(seeds: int) -> None:
    """Prints what finds each fault."""
    for fault in FAULTS:
        scenarios: list[str] = []
        try:
            scenarios = found_by_scenario(fault)
            found = found_at_random(fault, range(seeds))
        except (AssertionError, SyntaxError):
            traceback.print_exc(limit=1)
            found = "NO LONGER APPLIES"
        print(f"{found or '-':12} {fault.name}: {', '.join(scenarios)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
