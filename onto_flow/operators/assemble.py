"""assemble, keyed by the root: one record per view document; evaluates the view when every slot has been answered.

Law: what it emits is the view of document versions that really existed, never going backwards per document, and never
half-joined: while an answer is under way it holds, keeping what it showed. It emits (old, new) only where they differ.
Where user code raises, what was shown stays and is flagged, or goes, as the view says (`on_error`).

Example:
    A meeting without tickets, an older version of it that comes late, then a newer one; changes in -> changes out:

        >>> from onto_flow.demo.meeting_room import MeetingSession
        >>> from onto_flow.operators.messages import Doc
        >>> from onto_flow.testing.one_operator import OneOperator
        >>> def meeting(status):
        ...     return {"status": status, "tickets": []}
        >>> sessions = OneOperator(MeetingSession.plan(), "MeetingSession.assemble")
        >>> def told(time, status):
        ...     sessions.step("meetings/m1", Told("meetings/m1", Doc((time, 0), meeting(status), ())))
        >>> told(5, "in-session")
        meetingSessions/m1: None -> {'inSession': True, 'address': None, 'attending': [], 'numHearingAidRequested': 0}, seq 1
        >>> told(4, "closed")
        >>> told(9, "not-started")
        meetingSessions/m1: {'inSession': True, 'address': None, 'attending': [], 'numHearingAidRequested': 0} -> None, seq 2
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from ..core.change import DeadLetter, ViewChange
from ..core.compact import new_map
from ..core.values import Document, in_path_order
from ..plan.compile import folds
from ..plan.evaluator import Evaluator, Kept
from ..plan.nodes import OperatorNode, Plan, TimerKind, View
from .base import Cells, Context, Key, Profile
from .ingest import failure
from .joins import joins_of
from .kept_members import differing
from .messages import Answer, CaughtUp, Claim, Message, Republish, Rows, Told
from .over import Over
from .record import HOLD, Found, Record, known_missing, members
from .relay import publish

_NONE: Mapping[Any, int] = {}


class Assemble:
    """One view's assemble."""

    def __init__(self, node: OperatorNode, plan: Plan, profile: Profile) -> None:
        self.node = node
        self.profile = profile
        self.view: View = plan.view(node.view)
        self.joins = joins_of(plan, node.view)
        self.fold = f"{self.view.name}.{folds(self.view)}"
        self.evaluator: Evaluator = self.view.code.resolve().evaluator()
        self.over = Over(self.view, self.joins, self.evaluator)
        self.keeps = self.view.on_error == "keep"
        self.evaluated = 0
        self.relies = not profile.drained
        """Whether it relies on what was found when a record was last looked through."""

    def step(self, key: Key, messages: Sequence[Message], ctx: Context) -> None:
        """Takes documents and answers, then shows the view of them."""
        assert isinstance(key, str)
        record = Record.of(ctx.get("record"))
        waits = self._waits_on(record, messages) and not ctx.silent
        named, republish, structural = _take(record, messages)
        if structural or (record.due and not self.profile.drained):
            self._tidy(record, key, named, ctx)
        caught_up = any(isinstance(m, CaughtUp) for m in messages)
        # A record that holds when the signal comes stays behind, which keeps the signal from groups and owners.
        record.behind = record.behind or ctx.silent
        if not waits and (caught_up or not ctx.silent):
            self._show(record, key, ctx)
        for path in republish:
            self._republish(record, path, ctx)
        ctx.put("record", record if record.worth_keeping else None)

    def on_timer(self, key: Key, kind: TimerKind, ctx: Context) -> None:
        """Drops registers that nothing has asked for long enough, and shows the view again where that matters."""
        held = ctx.get("record")
        if kind != "garbage" or held is None:
            return
        assert isinstance(key, str)
        record = Record.of(held)
        if self._drop(record, key, ctx) and not ctx.silent:
            self._show(record, key, ctx)
        ctx.put("record", record if record.worth_keeping else None)

    def shown(self, key: Key, cells: Cells) -> Iterable[tuple[str, Document, int, bool]]:
        """See `Shows`."""
        record = Record.of(cells.get("record"))
        failed = self.keeps and record.failed
        return [(path, document, record.seq, failed) for path, document in record.last.items()]

    def take_while_it_waits(self, record: Record, answer: Answer) -> bool:
        """Takes an answer that can do nothing but add documents to a record that waits; else it is not taken."""
        adds = record.settled and self._waits_on(record, [answer]) and self.joins.slots[answer.slot].kind == "via"
        if not adds or any(path != answer.key or doc.gone for path, doc in answer.members):
            return False
        if record.open.get(answer.slot, _NONE).get(answer.key, 0) < 0:
            return False
        record.answered(answer)
        return True

    def _waits_on(self, record: Record, messages: Sequence[Message]) -> bool:
        """Whether a key that was missing still is, after these messages: nothing can change what its documents ask for."""
        missing = record.missing
        if missing is None or not self.relies or not self.joins.asks_by_itself:
            return False
        return all(
            message.__class__ is Answer and (message.slot, message.key) != missing and record.would_only_add(message)
            for message in messages
        )

    def _only_ends(self, record: Record, kept: Kept, messages: Sequence[Message]) -> bool:
        """Whether answers end that nothing asks for any more, and nothing else comes: it shows what it showed."""
        return (
            self.relies
            and not (record.failed or record.behind)
            and all(
                isinstance(m, Answer)
                and m.weight < 0
                and not (m.members or m.left)
                and self._is_unasked(record, kept, m)
                for m in messages
            )
        )

    def _is_unasked(self, record: Record, kept: Kept, answer: Answer) -> bool:
        """Whether a document that is there would be among the members if anything asked for it, and is not."""
        slot, doc = self.joins.slots[answer.slot], record.reg.get(cast("str", answer.key))
        if doc is None or doc.fields is None or slot.kind != "via" or slot.until is not None:
            return False
        return self.joins.selection(slot) is None and not kept.holds(slot.index, cast("str", answer.key))

    def _take_ends(self, record: Record, root: str, messages: Sequence[Message], ctx: Context) -> None:
        """Takes the ends of answers; what they answered may go in time."""
        named, *_ = _take(record, messages)
        self._tidy(record, root, named, ctx)
        ctx.put("record", record)

    def _tidy(self, record: Record, root: str, named: Iterable[str], ctx: Context) -> None:
        """Drops what nothing asks for, after a time counted from its last mention."""
        if record.settled and self.relies and record.all_covered(named, root, self.joins):
            return
        uncovered = record.uncovered(root, self.joins)
        record.settled = not uncovered
        fresh = set(named)
        due = ctx.now + self.profile.keep_uncovered
        record.due = {p: due if p in fresh else record.due.get(p, due) for p in uncovered}
        if record.due:
            ctx.set_timer("garbage", min(record.due.values()))

    def _drop(self, record: Record, root: str, ctx: Context) -> bool:
        """Drops the registers whose time is over; returns whether a hold may have ended by that."""
        settled = False
        record.missing = None
        for path in [p for p, due in record.due.items() if due <= ctx.now]:
            del record.due[path]
            gone = record.reg.pop(path).gone
            if gone and any(s.kind == "via" and record.is_open(s.index, path) for s in self.joins.slots):
                record.reg[path] = known_missing()
            settled = settled or gone
        if record.due:
            ctx.set_timer("garbage", min(record.due.values()))
        return settled

    def _show(self, record: Record, root: str, ctx: Context, found: Found | None = None) -> None:
        """Evaluates the view; `found`: what `members` would find, where that is known."""
        letter = f"view:{self.view.name}:{root}"
        try:
            found = found or members(record, root, self.joins)
            if found is HOLD:
                return
            record.behind = False
            shown = self._evaluate(found)
            changed = differing(record.last, shown)
        except Exception as error:
            record.behind = False
            ctx.emit(failure(letter, error, self.view.on_error))
            self._fail(record, root, ctx)
            return
        failed, record.failed = record.failed, False
        if failed:
            ctx.emit(DeadLetter(letter, "", cleared=True))
            changed = list({**record.last, **shown}) if self.keeps else changed
        if changed:
            self._emit(record, root, shown, changed, ctx, was_failed=failed)

    def _fail(self, record: Record, root: str, ctx: Context) -> None:
        """User code raised: what was shown stays, flagged once, or goes."""
        failed, record.failed = record.failed, True
        if self.keeps and not failed and record.last:
            self._emit(record, root, record.last, list(record.last), ctx)
        elif self.view.on_error == "delete" and record.last:
            self._emit(record, root, {}, list(record.last), ctx)

    def _evaluate(self, found: Found) -> Mapping[Any, Any]:
        if not found[0]:
            return {}
        self.evaluated += 1
        if self.over.slots:
            return self.over.shown(self.over.begin(), found)
        documents = {
            s.name: list(docs.items() if s.order else in_path_order(docs).items())
            for s, docs in zip(self.view.slots, found)
        }
        return self.evaluator.rows(documents) if self.view.grouped else self.evaluator.documents(documents)

    def _emit(
        self,
        record: Record,
        root: str,
        shown: Mapping[Any, Any],
        changed: Sequence[Any],
        ctx: Context,
        *,
        was_failed: bool = False,
    ) -> None:
        last, record.last = record.last, new_map(shown)
        record.seq += 1
        for output in changed:
            old, new = last.get(output), shown.get(output)
            self._send(root, output, record, (old, new, self.keeps and was_failed), ctx)

    def _send(self, root: str, output: Any, record: Record, what: tuple[Any, Any, bool], ctx: Context) -> None:
        old, new, was_failed = what
        failed = self.keeps and record.failed
        if self.view.grouped:
            ctx.send(self.fold, output, Rows(root, record.seq, old, new, failed, was_failed))
        elif self.view.owned:
            ctx.send(f"{self.view.name}.own", output, Claim(root, record.seq, new, failed))
        else:
            version = (ctx.generation, ctx.epoch, record.seq)
            publish(self.view, ViewChange(self.view.name, output, old, new, version, failed and new is not None), ctx)

    def _republish(self, record: Record, path: str, ctx: Context) -> None:
        record.seq += 1
        document, version = record.last.get(path), (ctx.generation, ctx.epoch, record.seq)
        failed = self.keeps and record.failed and document is not None
        publish(self.view, ViewChange(self.view.name, path, document, document, version, failed), ctx)


def _take(record: Record, messages: Sequence[Message]) -> tuple[list[str], list[str], bool]:
    """Takes all messages of a step.

    Returns:
        The documents that they named, the output paths to publish again, and whether what the record asks for or holds
        may have changed: a document whose join keys are as before changes neither.
    """
    named: list[str] = []
    republish: list[str] = []
    structural = False
    for message in messages:
        if isinstance(message, Told):
            held = record.reg.get(message.path)
            structural = structural or held is None or held.keys != message.doc.keys
            record.told(message.path, message.doc)
            named.append(message.path)
        elif isinstance(message, Answer):
            structural = True
            named.extend(record.answered(message))
        elif isinstance(message, Republish):
            republish.append(message.path)
    return named, republish, structural
