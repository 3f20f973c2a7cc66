"""Faults in what the embedded engine tells page by page, by the names of functions."""

from __future__ import annotations

from typing import Any

from tests.laws.checked.faults import Broken, Swap

PAGING = "operators.drained.paging:PagedStep"
EDITIONS = "operators.drained.editions:Editions"
PARTS = "operators.drained.parts:Parts"
MET = ("Bargain", "ProductPage", "Circle", "Load")
"""Views of which many roots meet at one document."""
WIDE = ("ProductPage", "Bargain", "Chart")
"""Views of which one root meets many documents."""


def _one_of_a_page_is_left_out(original: Any) -> Any:
    def tell(self: Any, *given: Any) -> Any:
        roots, unheard = original(self, *given)
        return roots[1:], unheard

    return tell


def _a_page_is_told_twice(original: Any) -> Any:
    def tell(self: Any, *given: Any) -> Any:
        roots, unheard = original(self, *given)
        return [*roots, *roots], unheard

    return tell


def _pages_say_what_the_first_one_said(original: Any) -> Any:
    said: dict[Any, Any] = {}

    def page_of_round(self: Any, editions: Any) -> None:
        say = self._say
        self._say = lambda paths, weight: said.setdefault((self.key, tuple(paths)), say(paths, weight))
        original(self, editions)
        if editions.over:
            said.clear()

    return page_of_round


def _changes_wait_for_the_round_and_are_forgotten(original: Any) -> Any:
    def changed(self: Any, newest: Any) -> Any:
        return original(self, newest if self.editions is None else {})

    return changed


def _a_round_has_no_bytes(original: Any) -> Any:
    return lambda self: None


def _departures_are_over_with_the_step(original: Any) -> Any:
    def settle(self: Any, changed: Any) -> None:
        original(self, changed)
        for path in changed:
            self.left.pop(path, None)

    return settle


def _as_many_as_there_are(original: Any) -> Any:
    def tell(self: Any, subs: Any, messages: int, *given: Any) -> Any:
        return original(self, subs, 10**6, *given)

    return tell


def _other_pages_are_none(original: Any) -> Any:
    """The first page counts as the last."""

    def take(self: Any, root: str, docs: Any, most: int, *, grows: bool) -> Any:
        found = original(self, root, docs, most, grows=grows)
        self._known.pop(root, None)
        return found

    return take


def _one_of_a_part_is_left_out(original: Any) -> Any:
    def take(self: Any, root: str, docs: Any, most: int, *, grows: bool) -> Any:
        found = original(self, root, docs, most, grows=grows)
        return found[1:] if grows else found

    return take


def _only_the_present_is_told(original: Any) -> Any:
    def tell_parts(self: Any) -> None:
        self._changes = {}
        original(self)

    return tell_parts


def _paged(name: str, target: str, make: Any, *views: str) -> Broken:
    return Broken(f"pages: {name}", "engine", (Swap(target, make),), None, views)


FAULTS_OF_PAGING = (
    _paged("one of a page is left out", f"{EDITIONS}.tell", _one_of_a_page_is_left_out, *MET),
    _paged("a page is told twice", f"{EDITIONS}.tell", _a_page_is_told_twice, "CustomerPage", "Circle", *MET),
    _paged("they say what the first one said", f"{PAGING}._page_of_round", _pages_say_what_the_first_one_said, *MET),
    _paged(
        "a change in a round is forgotten", f"{PAGING}._changed", _changes_wait_for_the_round_and_are_forgotten, *MET
    ),
    _paged("a round has no bytes", f"{EDITIONS}.pack", _a_round_has_no_bytes, *MET),
    _paged("departures are over with the step", f"{PAGING}._settle", _departures_are_over_with_the_step, *MET),
    _paged("a page has no bound", f"{EDITIONS}.tell", _as_many_as_there_are, *MET),
    _paged("a part grows by one page, or shrinks", f"{PARTS}.take", _other_pages_are_none, *WIDE),
    _paged("one of a part is left out", f"{PARTS}.take", _one_of_a_part_is_left_out, *WIDE),
    _paged("changes of a part are not told", f"{PAGING}._tell_parts", _only_the_present_is_told, *WIDE),
    _paged("a part has no bytes", f"{PARTS}.pack", lambda original: lambda self: (), *WIDE),
)
