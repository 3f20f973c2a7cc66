"""Guesses which fields refer to documents of which collections, and how.

A guess needs evidence that chance does not give: reference values say it themselves; paths and long texts that are equal
mean it; short texts and numbers must be many, nearly all of them must be found, and numbers must be found where few
numbers are taken, unless the field has the name of the collection.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from .collections import CollectionProfile
from .columns import OWN_ID, Column, Target, columns_of, targets_of
from .facts import Names, ReferenceSurvey
from .sketch import ALL

PROBES = 128
"""So many values of each column are looked for everywhere."""

TRIED = 20
"""So many targets of each column are looked at with all of its values."""

MOST = 1000
"""So many guesses are told."""

MAX_WORK = 20_000_000
"""When so many values were found somewhere, further fields are no targets: all fields hold the same."""

LONG = 12
"""Texts of so many characters are not equal by chance."""

SHORT = 2
"""Texts of so few characters may be equal by chance, as numbers may."""

SPARSE = 0.01
BEST = 3
"""So many targets of one field are told."""

NEARLY = 0.9
"""And only those that have so much of what the best one has."""

_ORDER = {"reference": 0, "path": 1, "id": 2, "field": 3}


def find_references(profiles: Sequence[CollectionProfile]) -> tuple[ReferenceSurvey, ...]:
    """The guesses, the most convincing first; deterministic."""
    columns = [c for p in profiles for c in columns_of(p) if c.sketch.counts]
    targets = [t for p in profiles for t in targets_of(p)]
    found: list[ReferenceSurvey] = []
    candidates = _candidates(columns, targets)
    for column, some in zip(columns, candidates):
        if column.kind == "reference":
            found += _of_references(column, targets)
        else:
            guesses = [_guess(column, t) for t in some if not _is_itself(column, t)]
            found += _best([g for g in guesses if g is not None])
    found = _direct(_one_way(found))
    found.sort(key=lambda g: (-g.resolved, _ORDER[g.by], -g.distinct_resolved, g.source, g.field))
    return tuple(found[:MOST])


def _candidates(columns: Sequence[Column], targets: Sequence[Target]) -> list[list[Target]]:
    """For each column the targets that hold most of its smallest hashes, and a good part of them."""
    probes = [c.sketch.probes(PROBES) if c.kind != "reference" else [] for c in columns]
    index: dict[int, list[int]] = {}
    for number, some in enumerate(probes):
        for probe in some:
            index.setdefault(probe, []).append(number)
    found: list[list[tuple[int, int]]] = [[] for _ in columns]
    work = 0
    ordered = sorted(targets, key=lambda t: _ORDER[t.by])
    for at, target in enumerate(ordered):
        hits: Counter[int] = Counter()
        for probe in target.held.hashes():
            if probe in index:
                hits.update(index[probe])
                work += len(index[probe])
        for number, count in sorted(hits.items()):
            asked = bisect_left(probes[number], target.held.ceiling)
            if 4 * count >= asked or target.by == "path":
                found[number].append((-count, at))
                if len(found[number]) > 10 * TRIED:
                    found[number] = sorted(found[number])[:TRIED]
        if work > MAX_WORK:
            break
    return [[ordered[at] for _, at in sorted(some)[:TRIED]] for some in found]


def _is_itself(column: Column, target: Target) -> bool:
    """Whether a column would be found to refer to the documents that it is in, or lies under, for it names them."""
    if column.above == target.names:
        return True
    if column.names != target.names:
        return False
    copies = column.own_id and (target.by == "id" or target.own_id)
    return copies or (target.by == "field" and target.label == column.label)


def _of_references(column: Column, targets: Sequence[Target]) -> Iterator[ReferenceSurvey]:
    """Reference values say where they lead, also when nothing is there."""
    paths = {t.names: t for t in targets if t.by == "path"}
    for names, pointing in sorted(column.places):
        target = paths.get(names)
        if target is None:
            yield _survey(column, "reference", names, None, pointing, (0, 0, column.sketch.exact))
        else:
            yield _survey(column, "reference", names, None, pointing, _resolved(column, target))


def _resolved(column: Column, target: Target) -> tuple[int, int, bool]:
    """How many values, and how many different ones, are found; and whether that was exact."""
    ceiling = min(column.sketch.ceiling, target.held.ceiling)
    has = target.held.has
    hits = [count for number, count in column.sketch.counts.items() if number < ceiling and has(number)]
    return sum(hits) * ALL // ceiling, len(hits) * ALL // ceiling, ceiling == ALL


def _guess(column: Column, target: Target) -> ReferenceSurvey | None:
    if column.kind != target.kind:
        return None
    values, distinct, exact = _resolved(column, target)
    ceiling = min(column.sketch.ceiling, target.held.ceiling)
    asked = sum(c for n, c in column.sketch.counts.items() if n < ceiling) * ALL // ceiling
    share = values / asked if asked else 0.0
    if not _convincing(column, target, share, distinct):
        return None
    return _survey(column, target.by, target.names, target.label, column.count, (share * column.count, distinct, exact))


def _convincing(column: Column, target: Target, share: float, distinct: int) -> bool:
    if target.by == "path" or (column.kind == "text" and column.characters >= LONG):
        return distinct >= 2 and share >= 0.5
    short = target.kind == "text" and target.characters <= SHORT
    by_chance = short or column.kind == "integer" or column.numeric > 0.5 or target.density > 0
    if column.tokens & target.tokens:
        return distinct >= (3 if by_chance else 2) and share >= (0.9 if by_chance else 0.5)
    if by_chance:
        return distinct >= 10 and share >= 0.95 and target.density <= SPARSE and not short
    if target.label is not None and target.label == column.label:
        return distinct >= 2 and share >= 0.5
    return distinct >= 5 and share >= 0.9


def _survey(
    column: Column, by: str, target: Names, label: str | None, values: int, found: tuple[float, int, bool]
) -> ReferenceSurvey:
    resolved, distinct, exact = found
    return ReferenceSurvey(
        source=column.names,
        field=column.label,
        keys=column.keys,
        many=column.many,
        by=by,
        target=target,
        target_field=label,
        integers=column.kind == "integer",
        values=values,
        distinct=min(column.sketch.distinct, values),
        resolved=min(resolved / values, 1.0) if values else 0.0,
        distinct_resolved=min(distinct, values),
        estimated=not exact,
    )


def _best(guesses: list[ReferenceSurvey]) -> list[ReferenceSurvey]:
    """Of the ways to one collection the plainest; of several collections those that explain (nearly) as much."""
    by_target: dict[Names, ReferenceSurvey] = {}
    for guess in sorted(guesses, key=lambda g: (-round(g.resolved, 2), _ORDER[g.by], g.target_field or "")):
        by_target.setdefault(guess.target, guess)
    found = sorted(by_target.values(), key=lambda g: (-g.resolved, _ORDER[g.by], g.target))
    return [g for g in found if g.resolved >= NEARLY * found[0].resolved][:BEST]


def _one_way(guesses: Iterable[ReferenceSurvey]) -> list[ReferenceSurvey]:
    """Two fields that hold the same values refer to each other: told once, from where (nearly) all of them are found."""
    found = sorted(guesses, key=lambda g: (-g.resolved, g.source, g.field))
    told: set[tuple[Names, str, Names, str]] = set()
    kept = []
    for guess in found:
        there = guess.target_field or OWN_ID
        if guess.by in ("id", "field"):
            if (guess.target, there, guess.source, guess.field) in told:
                continue
            told.add((guess.source, guess.field, guess.target, there))
        kept.append(guess)
    return kept


def _direct(guesses: Sequence[ReferenceSurvey]) -> list[ReferenceSurvey]:
    """Without detours: a field whose values are found in another field that refers, to the same documents as it does."""
    leads: dict[tuple[Names, str], set[tuple[Names, str | None]]] = {}
    for guess in guesses:
        leads.setdefault((guess.source, guess.field), set()).add((guess.target, guess.target_field))

    def is_detour(guess: ReferenceSurvey) -> bool:
        further = leads.get((guess.target, guess.target_field or OWN_ID), set())
        return bool(further & (leads[guess.source, guess.field] - {(guess.target, guess.target_field)}))

    return [g for g in guesses if not is_detour(g)]
