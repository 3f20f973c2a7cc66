"""match, keyed by (slot, join key): the documents of one key, and the roots that asked for them.

Law: at rest a root's weight at a key is the number of its documents that ask for the key, so it is positive exactly for
the keys that the root reaches. Whoever is active was sent the whole key when it became so, and every change since.

The form is *activation*: an answer is sent when the weight of a root becomes positive, its end when it ceases to be, and
the keys of the members are subscribed for active roots only. An answer also names the documents that `left` the key
lately (on a drained engine: in this step), so that a root which knows them from another key forgets older versions.

A change with more subscribers than one step may tell goes out in a `round`, page by page; a drained engine has pages of its
own (`drained.paging`).

Example:
    A user is asked for, renamed, and asked for no longer; changes in -> changes out:

        >>> from onto_flow.demo.meeting_room import MeetingSession
        >>> from onto_flow.testing.one_operator import OneOperator
        >>> users = OneOperator(MeetingSession.plan(), "MeetingSession.match.users")
        >>> users.step("users/u1", Told("users/u1", Doc((5, 0), {"firstName": "Ada"}, ())))
        >>> users.step("users/u1", Subscribe((("meetings/m1", 1),)))  # doctest: +NORMALIZE_WHITESPACE
        MeetingSession.assemble meetings/m1:
            Answer(3, 'users/u1', 1, (('users/u1', ((5, 0), {'firstName': 'Ada'}, ())),), ())
        >>> users.step("users/u1", Told("users/u1", Doc((9, 0), {"firstName": "Grace"}, ())))
        MeetingSession.assemble meetings/m1: Told('users/u1', ((9, 0), {'firstName': 'Grace'}, ()))
        >>> users.step("users/u1", Subscribe((("meetings/m1", -1),)))
        MeetingSession.assemble meetings/m1: Answer(3, 'users/u1', -1, (), ())
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ..core.change import NEVER
from ..core.values import Document
from ..plan.compile import match_id
from ..plan.nodes import OperatorNode, Plan, Slot, TimerKind
from .base import Context, Key, Profile
from .joins import JoinKey, joins_of
from .messages import Answer, Doc, Left, Message, Subscribe, Told
from .plain import Plain, asked_by, is_chosen
from .round import Round
from .routes import differences

Changed = dict[str, tuple[Doc | None, Doc]]
"""Path -> (the member before, the document now) of the documents that a step's messages bring."""


class Match:
    """One slot's match."""

    def __init__(self, node: OperatorNode, plan: Plan, profile: Profile) -> None:
        self.node = node
        self.profile = profile
        view = plan.view(node.view)
        self.joins = joins_of(plan, node.view)
        self.slot: Slot = view.slots[node.slot]
        self.assemble = f"{view.name}.assemble"
        self.children = tuple((c, match_id(view.name, c)) for c in self.joins.children[node.slot])

    def step(self, key: Key, messages: Sequence[Message], ctx: Context) -> None:
        """Documents first, told to those active before and after; then the newly active get the whole answer."""
        self.at(key, ctx).run(messages)

    def on_timer(self, key: Key, kind: TimerKind, ctx: Context) -> None:
        """`coalesce`: the next page of a round; `garbage`: what left long ago is forgotten."""
        step = self.at(key, ctx)
        if kind == "coalesce":
            step.page()
        else:
            step.forget()

    def plain(self) -> Plain | None:
        """What a plain change of a member is: all active roots are told; `None`: there is none."""
        if is_chosen([self.slot]):
            return None
        return Plain(asked_by(c for c, _ in self.children), tells=(self.assemble,))

    def asked_by(self, path: str, fields: Document) -> list[tuple[str, JoinKey]]:
        """What a document of the slot asks for: (operator, key)."""
        return [(op, k) for c, op in self.children for k in self.joins.parent_keys(c, path, fields)]

    def at(self, key: Key, ctx: Context) -> MatchStep:
        """A step at a key."""
        return MatchStep(self, key, ctx)


class MatchStep:
    """One step at one key."""

    def __init__(self, match: Match, key: JoinKey, ctx: Context) -> None:
        self.match, self.key, self.ctx = match, key, ctx
        self.slot, self.profile = match.slot, match.profile
        self.docs, self.left, self.subs = ctx.map("docs"), ctx.map("left"), ctx.map("subs")

    def run(self, messages: Sequence[Message]) -> None:
        """Takes all messages of a step."""
        weights: dict[str, int] = {}
        newest: dict[str, Doc] = {}
        for message in messages:
            if isinstance(message, Told):
                held = newest.get(message.path)
                if held is None or message.doc.version > held.version:
                    newest[message.path] = message.doc
            elif isinstance(message, Subscribe):
                for root, weight in message.roots:
                    weights[root] = weights.get(root, 0) + weight
        changed = self._changed(newest) if newest else {}
        came, ceased = self._reweigh(weights)
        if changed:
            self._tell(changed, came)
        self._answer(came)
        self._end(ceased, changed)
        self._settle(changed)

    def _settle(self, changed: Iterable[str]) -> None:
        """The step is over for these documents."""

    def _changed(self, newest: dict[str, Doc]) -> Changed:
        """Takes the documents that are news; path -> (member before, document now)."""
        changed = {}
        for path, doc in newest.items():
            member = _doc(self.docs.get(path))
            known = member.version if member is not None else self._left_version(path)
            if doc.version > known:
                self._take(path, doc)
                changed[path] = (member, doc)
        return changed

    def _member(self, path: str) -> Doc | None:
        return _doc(self.docs.get(path))

    def _members(self) -> list[tuple[str, Doc]]:
        return [(path, doc) for path, held in self.docs.items() if (doc := _doc(held)) is not None]

    def _left_version(self, path: str) -> tuple[int, int]:
        entry = self.left.get(path)
        return NEVER if entry is None else entry[0]

    def _take(self, path: str, doc: Doc) -> None:
        if self._is_member(path, doc):
            self.docs[path] = doc
            self.left.pop(path, None)
            return
        self.docs.pop(path, None)
        self.left[path] = (doc.version, doc.keys, self.ctx.now)
        if not self.profile.drained:
            self.ctx.set_timer("garbage", self.ctx.now + self.profile.keep_left)

    def _is_member(self, path: str, doc: Doc) -> bool:
        if doc.fields is None or doc.keys is None:
            return False
        return self.slot.kind == "via" or (self.slot.index, self.key) in doc.keys

    def _child_keys(self, path: str, doc: Doc | None) -> list[tuple[str, JoinKey]]:
        return [] if doc is None or doc.fields is None else self.match.asked_by(path, doc.fields)

    def _active(self) -> list[str]:
        return [root for root, weight in self.subs.items() if weight > 0]

    def _reweigh(self, weights: dict[str, int]) -> tuple[dict[str, int], dict[str, int]]:
        """The roots that became active and those that ceased to be, with what `subs` held of them."""
        came: dict[str, int] = {}
        ceased: dict[str, int] = {}
        for root, weight in weights.items():
            old = self.subs.get(root, 0)
            new = old + weight
            if new:
                self.subs[root] = new
            else:
                self.subs.pop(root, None)
            if old <= 0 < new:
                came[root] = old
            elif new <= 0 < old:
                ceased[root] = old
        return came, ceased

    def _tell(self, changed: Changed, came: Collection[str]) -> None:
        roots = [r for r in self._active() if r not in came]
        if roots:
            self._resubscribe(changed, roots)
        if self._pages(list(changed), roots):
            return
        for path, (_, doc) in changed.items():
            told = Told(path, doc)
            for root in roots:
                self.ctx.send(self.match.assemble, root, told)

    def _resubscribe(self, changed: Changed, roots: list[str]) -> None:
        """Subscribes the roots to what the changed documents ask for now."""
        for path, (before, _) in changed.items():
            self._move(roots, self._child_keys(path, before), path)

    def _move(self, roots: Sequence[str], old: Sequence[tuple[str, JoinKey]], path: str) -> None:
        """Subscribes roots to what a document asks for now, which they were subscribed to what it asked for."""
        for (operator, key), weight in differences(old, self._child_keys(path, self._member(path))):
            self.ctx.send(operator, key, Subscribe(tuple((r, weight) for r in roots)))

    def _answer(self, roots: Iterable[str]) -> None:
        roots = list(roots)
        if not roots:
            return
        answer = self._whole()
        for root in roots:
            self.ctx.send(self.match.assemble, root, answer)
        if not self.match.children:
            return
        subscribe = Subscribe(tuple([(r, 1) for r in roots]))
        for path, doc in self._members():
            for operator, key in self._child_keys(path, doc):
                self.ctx.send(operator, key, subscribe)

    def _whole(self) -> Answer:
        """The answer to a new subscription."""
        return self._say([*self.docs, *self.left], 1)

    def _say(self, paths: Iterable[str], weight: int) -> Answer:
        """What an answer says of some paths now."""
        members: list[tuple[str, Doc]] = []
        left: list[Left] = []
        young = self.ctx.now - self.profile.young
        for path in paths:
            doc, entry = _doc(self.docs.get(path)), self.left.get(path)
            if doc is not None:
                members.append((path, doc))
            elif entry is not None and self.slot.kind == "via":
                members.append((path, Doc(entry[0], None, None)))
            elif entry is not None:
                left.append(Left(path, entry[0], entry[1], entry[2] > young))
        if self.slot.kind == "via" and not members and weight > 0:
            assert isinstance(self.key, str)
            members.append((self.key, Doc(NEVER, None, None)))
        return Answer(self.slot.index, self.key, weight, tuple(members), tuple(left))

    def _asked_before(self, changed: Changed) -> dict[str, list[tuple[str, JoinKey]]]:
        """What the members that there were before the step asked for."""
        asked = {path: self._child_keys(path, doc) for path, doc in self._members() if path not in changed}
        return {**asked, **{path: self._child_keys(path, doc) for path, (doc, _) in changed.items()}}

    def _end(self, ceased: dict[str, int], changed: Changed) -> None:
        if not ceased:
            return
        under_way = self._round()
        for root in ceased:
            news = under_way.unheard(root) if under_way is not None else ()
            self.ctx.send(self.match.assemble, root, self._say(news, -1))
        subscribe = Subscribe(tuple([(r, -1) for r in ceased]))
        for keys in self._asked_before(changed).values():
            for operator, key in keys:
                self.ctx.send(operator, key, subscribe)

    def _round(self) -> Round | None:
        return Round.of(self.ctx.get("round"))

    def _pages(self, paths: list[str], roots: list[str]) -> bool:
        """Whether the change goes out in pages; then the round has it."""
        under_way = self._round()
        if under_way is not None:
            under_way.join(paths)
        elif self.profile.page and len(roots) > self.profile.page:
            under_way = Round(tuple(paths), roots)
            self.ctx.set_timer("coalesce", self.ctx.now)
        else:
            return False
        self.ctx.put("round", under_way)
        return True

    def page(self) -> None:
        """Tells the next roots of the round."""
        under_way = self._round()
        if under_way is None:
            return
        paths = under_way.paths
        answer = self._say(paths, 0)
        for root in under_way.page(self.profile.page):
            if self.subs.get(root, 0) > 0:
                self.ctx.send(self.match.assemble, root, answer)
        rest = under_way.next(self._active)
        self.ctx.put("round", rest)
        self.ctx.set_timer("coalesce" if rest else "garbage", self.ctx.now)

    def forget(self) -> None:
        """Drops what left so long ago that nobody can hold an older version of it."""
        if self.ctx.get("round") is not None:
            return
        keep = 0 if self.profile.drained else self.profile.keep_left
        waiting = [entry[2] + keep for entry in self.left.values() if entry[2] + keep > self.ctx.now]
        for path in [p for p, entry in self.left.items() if entry[2] + keep <= self.ctx.now]:
            del self.left[path]
        if waiting:
            self.ctx.set_timer("garbage", min(waiting))


def _doc(held: Any) -> Doc | None:
    """What a map cell holds as a document: an engine may give it back as the plain tuple that it is in bytes."""
    return held if held is None or type(held) is Doc else Doc(*held)
