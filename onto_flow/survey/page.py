"""A survey as one page of HTML with charts, which loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath

from . import shown
from .charts import documents_chart, share_bar, types_bar
from .diagram import references_diagram
from .facts import CollectionSurvey, FieldSurvey, ReferenceSurvey, Survey
from .markup import Markup, element, join
from .style import TYPES, style

OPEN = 8
"""Of so many collections all fields are open to be seen; of more, those of the first."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def survey_page(survey: Survey, *, examples: bool = True, chosen: Sequence[CollectionSurvey] | None = None) -> str:
    """The page; arguments as for `text.survey_text`."""
    page = _Page(survey, examples)
    some = [c for c in (survey.collections if chosen is None else chosen) if c.documents]
    name = PurePath(survey.source).name or survey.source
    head = element(
        "head",
        Markup('<meta charset="utf-8"/>'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"/>'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1"/>'),
        element("title", f"What {name} holds"),
        element("style", Markup(style())),
    )
    main = element("main", *page.top(name), *page.overview(), *page.references(), *page.fields(some))
    return f"<!DOCTYPE html>\n{element('html', head, element('body', main), lang='en')}\n"


class _Page:
    def __init__(self, survey: Survey, examples: bool) -> None:
        self._survey, self._examples = survey, examples
        self._guesses: dict[tuple[tuple[str, ...], str], list[ReferenceSurvey]] = {}
        for guess in survey.references:
            self._guesses.setdefault((guess.source, guess.field), []).append(guess)

    def top(self, name: str) -> Iterator[Markup]:
        survey = self._survey
        yield element("h1", f"What {name} holds")
        yield element("p", shown.headline(survey))
        stored = sum(c.size.total for c in survey.collections if c.size)
        fields = sum(len([f for f in c.fields if f.name]) for c in survey.collections)
        cards = [
            (f"{survey.documents:,}", "documents"),
            (f"{sum(1 for c in survey.collections if c.documents):,}", "collections"),
            (f"{fields:,}", "fields"),
            (shown.size(stored), "stored"),
            (f"{len(survey.references):,}", "references, guessed"),
        ]
        yield element(
            "div",
            *(element("div", element("b", a), element("span", b), class_="card") for a, b in cards),
            class_="cards",
        )
        if survey.unreadable:
            lines = [
                f"{shown.counted(survey.unreadable, 'document')} cannot be read.",
                *(survey.problems if self._examples else ()),
            ]
            yield element("div", *(element("div", line) for line in lines), class_="warn")
        if survey.other_documents:
            yield element(
                "div",
                f"{shown.counted(survey.other_documents, 'more document')} in further collections.",
                class_="warn",
            )

    def overview(self) -> Iterator[Markup]:
        if self._survey.collections:
            yield element("h2", "Documents")
            yield element("div", documents_chart(self._survey.collections), class_="panel")
        several = [(g, some) for g, some in self._survey.groups.items() if len(some) > 1]
        if several:
            rows = [_row(("Group", "Collections", "Documents"), "th", numbers=1)]
            rows += [_row((g, f"{len(s):,}", f"{sum(c.documents for c in s):,}"), "td", numbers=1) for g, s in several]
            table = element("div", element("table", *rows), class_="scroll")
            yield element("details", element("summary", element("h3", "Collection groups")), table)

    def references(self) -> Iterator[Markup]:
        diagram = references_diagram(self._survey)
        if diagram is None:
            return
        yield element("h2", "References")
        yield element(
            "p",
            "A guess: which values name documents, and the share of them whose document exists. "
            "Dotted arrows resolve less than half; dotted lines lead to subcollections.",
        )
        yield element("div", diagram, class_="panel")
        titles = ("Collection", "Field", "Refers to", "By", "Values", "Different", "Resolved")
        rows = [
            _row(titles, "th", numbers=4),
            *(_row(self._reference(g), "td", numbers=4) for g in self._survey.references),
        ]
        table = element("div", element("table", *rows), class_="scroll")
        yield element("details", element("summary", element("h3", "All references")), table, open="open")

    def _reference(self, guess: ReferenceSurvey) -> list[object]:
        about = "~" if guess.estimated else ""
        return [
            shown.collection(guess.source),
            element("span", guess.field + (" (keys)" if guess.keys else ""), class_="f"),
            shown.collection(guess.target),
            guess.by if guess.target_field is None else f"equal {guess.target_field}",
            f"{guess.values:,}",
            shown.count(guess.distinct, guess.estimated),
            join([share_bar(guess.resolved), f" {about}{shown.share(guess.resolved, 1)}"]),
        ]

    def fields(self, some: Sequence[CollectionSurvey]) -> Iterator[Markup]:
        if not some:
            return
        yield element("h2", "Fields")
        legend = [*TYPES, "null"]
        swatch = {"width": 10, "height": 10, "viewBox": "0 0 10 10", "aria_hidden": "true"}
        yield element(
            "div",
            *(
                element("span", element("svg", element("rect", width=10, height=10, class_=f"type-{t}"), **swatch), t)
                for t in legend
            ),
            element("span", element("svg", element("rect", width=10, height=10, class_="track"), **swatch), "missing"),
            class_="legend",
        )
        for number, one in enumerate(some):
            yield self._collection(one, is_open=len(some) <= OPEN or number == 0)

    def _collection(self, one: CollectionSurvey, *, is_open: bool) -> Markup:
        said = [shown.counted(one.documents, "document")]
        if one.size:
            said.append(f"{shown.size(one.size.median)} in the middle, {shown.size(one.size.largest)} at most")
        if one.keys:
            said.append(f"{shown.count(one.keys.distinct, one.keys.estimated)} names of fields, which are data")
        summary = element("summary", element("h3", shown.collection(one.names)), element("span", " · ".join(said)))
        titles = ("Field", "Types", "Missing", "Null", "Different", "Values")
        rows = [_row(titles, "th"), *(_row(self._field(one, f), "td") for f in one.fields)]
        table = element("table", *rows, class_="fields") if one.fields else element("p", "no fields")
        return element("details", summary, element("div", table, class_="scroll"), open="open" if is_open else None)

    def _field(self, one: CollectionSurvey, field: FieldSurvey) -> list[object]:
        name = field.name or ("[]" if field.label.endswith("[]") else "*")
        leads = [element("b", f"→ {shown.refers(g)} ") for g in self._guesses.get((one.names, field.label), ())]
        return [
            element("div", name, class_="f", style=f"padding-left:{min(field.depth, 12) * 16}px", title=field.label),
            element("div", types_bar(field), element("small", shown.types(field)), class_="kind"),
            shown.share(field.missing, field.of) if field.missing else "",
            shown.share(field.nulls, field.present) if field.nulls else "",
            shown.distinct(field),
            element("div", *leads, shown.values(field, examples=self._examples), class_="v"),
        ]


def _row(cells: Sequence[object], kind: str, numbers: int = 2) -> Markup:
    """A row of a table, in which three columns from `numbers` on hold numbers."""
    right = range(numbers, numbers + 3)
    return element("tr", *(element(kind, c, class_="n" if n in right else None) for n, c in enumerate(cells)))
