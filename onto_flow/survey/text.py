"""A survey as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import shown
from .facts import CollectionSurvey, FieldSurvey, ReferenceSurvey, Survey
from .table import Head, fit, table

WIDE = 100
"""So many places let tables show more."""


def survey_text(
    survey: Survey, *, width: int = WIDE, examples: bool = True, chosen: Sequence[CollectionSurvey] | None = None
) -> str:
    """The survey in lines of so many places.

    Args:
        survey: What was found out.
        width: The places of a line.
        examples: Whether values are shown.
        chosen: The collections whose fields are shown; by default all.
    """
    page = _Text(survey, max(width, 40), examples)
    some = survey.collections if chosen is None else chosen
    lines = [*page.head(), "", *page.collections(), *page.groups(), *page.references(), *page.fields(some)]
    return "".join(f"{fit(line, page.width)}\n" for line in lines)


class _Text:
    def __init__(self, survey: Survey, width: int, examples: bool) -> None:
        self._survey, self.width, self._examples = survey, width, examples
        self._guesses: dict[tuple[tuple[str, ...], str], list[ReferenceSurvey]] = {}
        for guess in survey.references:
            self._guesses.setdefault((guess.source, guess.field), []).append(guess)

    def head(self) -> Iterator[str]:
        yield shown.clean(self._survey.source)
        yield from self._wrapped(shown.headline(self._survey), " · ")
        if self._survey.unreadable:
            end = ":" if self._examples else ""
            yield f"{shown.counted(self._survey.unreadable, 'document')} cannot be read{end}"
            for problem in self._survey.problems if self._examples else ():
                yield f"  {shown.clean(problem)}"
        if self._survey.other_documents:
            yield f"{shown.counted(self._survey.other_documents, 'more document')} in further collections"

    def _wrapped(self, text: str, gap: str) -> Iterator[str]:
        line = ""
        for part in text.split(gap):
            longer = f"{line}{gap}{part}" if line else part
            if len(longer) > self.width and line:
                yield line
                longer = part
            line = longer
        yield line

    def collections(self) -> Iterator[str]:
        label = Head("COLLECTION", most=self.width * 2 // 5)
        numbers = [Head(t, right=True) for t in ("DOCUMENTS", "MISSING PARENTS", "STORED", "MEDIAN", "LARGEST")]
        ids = Head("IDS", least=12, most=80)
        rows = [self._collection(c) for c in self._survey.collections]
        yield from table([label, *numbers, ids], rows, self.width)

    def _collection(self, one: CollectionSurvey) -> list[str]:
        sizes = [shown.size(s) for s in (one.size.total, one.size.median, one.size.largest)] if one.size else [""] * 3
        phantoms = shown.count(one.phantoms, one.phantoms_estimated) if one.phantoms else ""
        ids = ", ".join(shown.value(i, 24) for i in one.ids) if self._examples else ""
        return [shown.collection(one.names), f"{one.documents:,}", phantoms, *sizes, ids]

    def groups(self) -> Iterator[str]:
        """Collection groups, where one has several collections."""
        several = [(g, some) for g, some in self._survey.groups.items() if len(some) > 1]
        if not several:
            return
        heads = [Head("GROUP", most=40), Head("COLLECTIONS", right=True), Head("DOCUMENTS", right=True)]
        rows = [[shown.clean(g), f"{len(some):,}", f"{sum(c.documents for c in some):,}"] for g, some in several]
        yield ""
        yield from table(heads, rows, self.width)

    def references(self) -> Iterator[str]:
        if not self._survey.references:
            return
        half = self.width * 2 // 5
        heads = [
            Head("REFERS (a guess)", most=half),
            Head("TO", most=half * 3 // 4),
            Head("RESOLVED", right=True),
            Head("VALUES", right=True),
            Head("DIFFERENT", right=True, least=9),
        ]
        yield ""
        yield from table(heads, [self._reference(g) for g in self._survey.references], self.width)

    def _reference(self, guess: ReferenceSurvey) -> list[str]:
        resolved = ("~" if guess.estimated else "") + shown.share(guess.resolved, 1)
        different = shown.count(guess.distinct, guess.estimated)
        return [shown.source_of(guess), shown.refers(guess), resolved, f"{guess.values:,}", different]

    def fields(self, chosen: Sequence[CollectionSurvey]) -> Iterator[str]:
        for one in chosen:
            if not one.documents:
                continue
            yield ""
            yield f"{shown.collection(one.names)}: {shown.counted(one.documents, 'document')}"
            if one.keys is not None:
                yield f"the names of its fields are data: {shown.count(one.keys.distinct, one.keys.estimated)} different"
            if one.fields:
                yield from self._table(one)

    def _table(self, one: CollectionSurvey) -> Iterator[str]:
        narrow = self.width < WIDE
        heads = [
            Head("  FIELD", most=self.width // 3 if narrow else 44),
            Head("TYPES", most=self.width // 3 if narrow else 44),
            Head("MISSING", right=True),
            Head("NULL", right=True),
            Head("DIFFERENT", right=True),
            Head("VALUES", least=10, most=200),
        ]
        yield from table(heads, [self._field(one, f) for f in one.fields], self.width)

    def _field(self, one: CollectionSurvey, field: FieldSurvey) -> list[str]:
        own = field.label[len(field.label) - 2 :] if field.label.endswith("[]") else "*"
        name = shown.clean(field.name) if field.name else own
        missing = shown.share(field.missing, field.of) if field.missing else ""
        nulls = shown.share(field.nulls, field.present) if field.nulls else ""
        kinds = shown.types(field, short=self.width < WIDE)
        leads = [f"→ {shown.refers(g)}" for g in self._guesses.get((one.names, field.label), ())]
        says = "; ".join([*leads, *filter(None, [shown.values(field, examples=self._examples)])])
        return ["  " * (field.depth + 1) + name, kinds, missing, nulls, shown.distinct(field), says]
