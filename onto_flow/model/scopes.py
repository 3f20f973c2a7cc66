"""What the names of a view stand for, and when each is known: per root, per row, per group.

| known | names |
|---|---|
| per root | slots, computed attributes, UDFs over them; then accumulators over slots, and what names those |
| per row | the expanded value, the parts of the key, UDFs over them |
| per group | the parts of the key, accumulators, UDFs and computed attributes over them alone |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ..core.errors import DeclarationError, did_you_mean
from .aggregates import AccumulatorDeclaration
from .declaration import Call, Declaration, accumulator_call, call_of
from .over import first_parameter, slot_over
from .reads import self_reads, store_reads

Kind = Literal["slot", "computed", "udf", "element", "each", "key", "accumulator", "session"]
Level = Literal["root", "over", "row", "key", "group"]


class Source(NamedTuple):
    """Where a name's value comes from; the whole key has the name `""`."""

    kind: Kind
    name: str


EACH = Source("each", "")
"""One document of the many slot that an accumulator is over."""


@dataclass(frozen=True)
class BoundCall:
    """A call whose parameters are known: (parameter, source)."""

    call: Call
    sources: tuple[tuple[str, Source], ...]


@dataclass(frozen=True)
class Names:
    """The names of a view, resolved.

    Attributes:
        calls: Each UDF, operator and accumulator's function.
        levels: Of each computed attribute and UDF, the level at which it is known; `key` for rows and groups alike.
        reads: Of each, the slots and accumulators that it reads, through others too.
    """

    calls: Mapping[Call, BoundCall]
    levels: Mapping[Source, Level]
    reads: Mapping[Source, tuple[str, ...]]


def resolve_names(view: Declaration) -> Names:
    """Resolves every parameter of a view's functions.

    Raises:
        DeclarationError: `unknown-name`, `ambiguous-name`, `cycle`.
    """
    calls: dict[Call, BoundCall] = {}
    at_root = _at_root(view)
    in_rows = [*at_root, *([Source("element", view.expand[0])] if view.expand else [])]
    with_key = [*in_rows, *(Source("key", n) for n in _key_names(view))]
    everything = [*with_key, *_group_names(view)]
    for call in (*view.filters, *([view.expand[1]] if view.expand else [])):
        calls[call] = _bind(view, call, at_root)
    if view.key is not None:
        calls[view.key[1]] = _bind(view, view.key[1], in_rows)
    for call in session_calls(view):
        calls[call] = _bind(view, call, with_key)
    for accumulator in view.accumulators.values():
        for call in accumulator_calls(accumulator):
            over = accumulator.over is not None
            calls[call] = _bind_each(view, accumulator, call, at_root) if over else _bind(view, call, with_key)
    for call in view.udfs.values():
        calls[call] = _bind(view, call, everything)
    for call in view.havings:
        calls[call] = _bind(view, call, everything)
    levels = _Levels(view, calls)
    levels.check()
    attributes = [s for s in at_root if s.kind in ("computed", "udf")]
    return Names(calls, {s: levels.of(s) for s in attributes}, {s: levels.reads(s) for s in attributes})


def accumulator_calls(accumulator: AccumulatorDeclaration) -> list[Call]:
    """The functions of an accumulator."""
    return [accumulator_call(accumulator, function) for function in accumulator.functions]


def session_calls(view: Declaration) -> list[Call]:
    """The function that gives the moment of a row, where rows are cut into sessions."""
    return [] if view.sessions is None else [call_of(view.sessions.at, line=view.sessions.line)]


def _group_names(view: Declaration) -> list[Source]:
    sessions = [Source("session", view.sessions.name)] if view.sessions else []
    return [*(Source("accumulator", n) for n in view.accumulators), *sessions]


def _at_root(view: Declaration) -> list[Source]:
    slots = [Source("slot", n) for n in view.store._slots]
    return [*slots, *(Source("computed", n) for n in view.computed), *(Source("udf", n) for n in view.udfs)]


def _key_names(view: Declaration) -> Iterable[str]:
    if view.key is None:
        return ()
    return view.key_parts if view.key[0] in view.key_parts else (*view.key_parts, view.key[0])


def key_source(view: Declaration, name: str) -> Source:
    """The source of a name that the key gives."""
    return Source("key", name if name in view.key_parts else "")


def _bind(view: Declaration, call: Call, known: Iterable[Source]) -> BoundCall:
    meanings: dict[str, list[Source]] = {}
    for source in known:
        meanings.setdefault(source.name, []).append(source)
    sources = []
    for name in (*call.required, *call.optional):
        found = meanings.get(name, [])
        if len(found) > 1:
            meant = " and ".join(_written(s) for s in found)
            raise DeclarationError(
                "ambiguous-name",
                f"{view.cls.__name__}: {name!r}, a parameter of {call.name}, is {meant}",
                where=call.line,
                fix="Rename one of them.",
            )
        if found:
            sources.append((name, key_source(view, name) if found[0].kind == "key" else found[0]))
        elif name in call.required:
            raise _unknown(view, call, name, meanings)
    return BoundCall(call, tuple(sources))


def _bind_each(
    view: Declaration, accumulator: AccumulatorDeclaration, call: Call, known: Sequence[Source]
) -> BoundCall:
    slot_over(view, accumulator)
    first = first_parameter(view, accumulator, call, {*(s.name for s in known), *view.accumulators})
    required, optional = (tuple(n for n in names if n != first) for names in (call.required, call.optional))
    others = _bind(view, Call(call.function, required, optional, call.line), known)
    return BoundCall(call, ((first, EACH), *others.sources))


def _unknown(view: Declaration, call: Call, name: str, known: Iterable[str]) -> DeclarationError:
    later = name in (
        *(s.name for s in _group_names(view)),
        *_key_names(view),
        *([view.expand[0]] if view.expand else []),
    )
    what = "is not known yet at that point" if later else "names nothing of the view"
    return DeclarationError(
        "unknown-name",
        f"{view.cls.__name__}: parameter {name!r} of {call.name} {what}",
        where=call.line,
        fix=did_you_mean(name, known),
    )


def read_by(accumulator: AccumulatorDeclaration, names: Names) -> tuple[set[str], set[str]]:
    """The slots that an accumulator's functions name, and those that they read through attributes."""
    sources = [s for call in accumulator_calls(accumulator) for _, s in names.calls[call].sources]
    named = {s.name for s in sources if s.kind == "slot"}
    return named, {slot for s in sources for slot in names.reads.get(s, ())}


def _written(source: Source) -> str:
    words = {"element": "an expanded value", "key": "a part of the key", "accumulator": "an accumulator"}
    words["session"] = "a session window"
    return words.get(source.kind, f"a {source.kind}")


_STORE = Source("slot", "store")
"""What a computed attribute reads that reads `self.store`, whichever slots."""


class _Levels:
    """Finds what each attribute needs, through others."""

    def __init__(self, view: Declaration, calls: Mapping[Call, BoundCall]) -> None:
        self.view, self.calls = view, calls
        self.needs: dict[Source, dict[Level, str]] = {}

    def of(self, source: Source) -> Level:
        """The level at which a computed attribute or UDF is known."""
        needs = self._needs(source, ())
        if "group" in needs:
            other = needs.get("root") or needs.get("row")
            if other is not None:
                raise self._mixed(source, needs["group"], other)
            return "group"
        if source.kind == "computed":
            return "root"
        if self.view.key is not None and set(needs) <= {"key"}:
            return "key"
        return "row" if "row" in needs or "key" in needs else "root"

    def check(self) -> None:
        """Refuses what an operator or an accumulator needs and what is known only later, or no more."""
        view = self.view
        functions = [c for a in view.accumulators.values() for c in accumulator_calls(a)]
        before = [*view.filters, *(c[1] for c in (view.expand, view.key) if c is not None), *functions]
        for call in before:
            for name, source in self.calls[call].sources:
                needs = self._needs(source, ())
                if "group" in needs:
                    raise self._unknown(call, name, f"needs {needs['group']}, which is known per group")
                if "over" in needs:
                    raise self._unknown(call, name, f"needs {needs['over']}, an accumulator, which is known later")
        for call in view.havings if view.key is not None else ():
            for name, source in self.calls[call].sources:
                needs = self._needs(source, ())
                if (other := needs.get("root") or needs.get("row")) is not None:
                    raise self._unknown(call, name, f"needs {other}, which is known per row")

    def _unknown(self, call: Call, name: str, why: str) -> DeclarationError:
        what = f"{self.view.cls.__name__}: parameter {name!r} of {call.name} {why}"
        return DeclarationError("unknown-name", what, where=call.line, fix="Name what is known at that point.")

    def _needs(self, source: Source, under_way: tuple[Source, ...]) -> dict[Level, str]:
        if source.kind == "accumulator" and self.view.accumulators[source.name].over is not None:
            return {"root": source.name, "over": source.name}
        if source.kind not in ("computed", "udf"):
            levels: dict[Kind, Level] = {"slot": "root", "element": "row", "key": "key", "accumulator": "group"}
            levels |= {"session": "group", "each": "root"}
            return {levels[source.kind]: source.name}
        if source in under_way:
            circle = " -> ".join(s.name for s in (*under_way[under_way.index(source) :], source))
            raise DeclarationError("cycle", f"{self.view.cls.__name__}: {circle}", where=self._call(source).line)
        if source not in self.needs:
            found: dict[Level, str] = {}
            for other in self._sources(source):
                found.update(self._needs(other, (*under_way, source)))
            self.needs[source] = found
        return self.needs[source]

    def reads(self, source: Source) -> tuple[str, ...]:
        """The slots and accumulators that an attribute reads, through others too."""
        if source.kind == "accumulator":
            return (source.name,)
        if source.kind == "slot":
            return (source.name,)
        if source.kind not in ("computed", "udf"):
            return ()
        found = [name for other in self._sources(source) if other != _STORE for name in self.reads(other)]
        if source.kind == "computed":
            read = store_reads(self._call(source).function)
            found += [n for n in self.view.store._slots if read is None or n in read]
        return tuple(dict.fromkeys(found))

    def _call(self, source: Source) -> Call:
        return self.view.udfs[source.name] if source.kind == "udf" else self.view.computed[source.name]

    def _sources(self, source: Source) -> Iterable[Source]:
        if source.kind == "udf":
            return [s for _, s in self.calls[self._call(source)].sources]
        read = self_reads(self._call(source).function)
        found = [Source("computed", n) for n in self.view.computed if n in read]
        found += [Source("udf", n) for n in self.view.udfs if n in read]
        found += [s for s in _group_names(self.view) if s.name in read]
        return [*found, *([_STORE] if "store" in read else [])]

    def _mixed(self, source: Source, group: str, other: str) -> DeclarationError:
        return DeclarationError(
            "unknown-name",
            f"{self.view.cls.__name__}.{source.name} needs {group}, which is known per group, and {other}, which is known "
            "per row",
            where=self._call(source).line,
            fix="Compute the one in an accumulator's function, the other from accumulators alone.",
        )
