"""How far each subscriber of a hot key has heard, while changes are told to them page by page.

An *edition* is what a key's documents ask for at some moment; a change begins the next one. What `subs` holds of a root is
the weight of its subscription and, above `MARK`, the edition that it heard last, where it ever was in a round.

Law: all roots of one edition hold the subscriptions that the key's documents asked for then, and know the documents as of
then, or newer from elsewhere. So a round is over when all are at the present edition, and goes on from its cells alone.

Example:
    Two of three roots have heard of a change of `u1`, when it changes again:

        >>> subs = {"m1": 1, "m2": 1, "m3": 1}
        >>> editions = Editions.begin(subs, ())
        >>> editions.changed({"users/u1": ()})
        >>> editions.tell(subs, 2), editions.changed({"users/u1": ()})
        ((['m1', 'm2'], {'users/u1': ()}), None)
        >>> editions.tell(subs, 2)[0], editions.tell(subs, 2)[0], editions.over
        (['m3'], ['m1', 'm2'], True)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Container, Mapping, MutableMapping
from typing import Any

from ...core.unread import Unread, is_unread
from ..joins import JoinKey

MARK = 1 << 32
"""Weights are below."""

_LOOKED = 1000
"""So many roots that a restart has left a page looks at, or more, until one has not heard of everything."""

UNNOTED = 1 << 30
"""Above the editions of rounds whose last one was not noted, which were counted from 0: of checkpoints made before that."""

Asked = tuple[tuple[str, JoinKey], ...]
"""(operator, key) of what a document asks for."""


class Editions:
    """A round of a drained engine.

    Args:
        first: The edition of roots that are marked with none, or an older one.
        now: The present edition.
        held: Edition -> path -> what the document asked for then, for what has changed since.
    """

    __slots__ = ("_first", "_heard", "_held", "_rest", "_unsorted", "_waiting", "now")

    def __init__(self, first: int, now: int, held: dict[int, dict[str, Asked]]) -> None:
        self.now = now
        self._first, self._held = first, held
        self._waiting: deque[_Roots] = deque()
        self._heard: list[str] = []
        self._unsorted: list[str] = []
        self._rest: Unread | None = None

    @classmethod
    def begin(cls, subs: Mapping[str, int], leaving_out: Collection[str], last: int = 0) -> Editions:
        """A round over all roots but some; `changed` must follow.

        Args:
            subs: Of the key.
            leaving_out: Roots that the round is not for.
            last: The edition of the round before, as far as it was noted.
        """
        known: Mapping[str, int] = subs
        if is_unread(subs):
            known, last = subs.known, last or UNNOTED
        first = max(last, max(known.values(), default=0) // MARK)
        begun = cls(first, first, {})
        begun._rest = subs if is_unread(subs) else None
        begun._heard = [r for r in known if r not in leaving_out] if leaving_out else list(known)
        return begun

    @classmethod
    def of(cls, held: Any, subs: Mapping[str, int]) -> Editions | None:
        """The round that a value cell holds."""
        if held is None or isinstance(held, Editions):
            return held
        first, now, editions = held
        found = cls(first, now, {e: dict(paths) for e, paths in editions})
        found._waiting.extend(_Roots(e, []) for e in found._held)
        known: Mapping[str, int] = subs
        if is_unread(subs):
            found._rest, known = subs, subs.known
        found._unsorted = list(known)
        return found

    def _sort_on(self, subs: Mapping[str, int], most: int, leaving_out: Container[str]) -> None:
        """Puts the next roots that a restart has left among those of their edition."""
        roots = self._unsorted[-most:]
        del self._unsorted[-most:]
        if not roots and self._rest is not None:
            roots = self._rest.read_on(most)
        lists = {waiting.edition: waiting.roots for waiting in self._waiting}
        lists[self.now] = self._heard
        for root in roots:
            if root in subs and root not in leaving_out:
                lists[self.edition(subs[root])].append(root)

    def pack(self) -> tuple[Any, ...]:
        """The round as a form of `core.codec`: who has heard stands in `subs`."""
        return (self._first, self.now, tuple((e, tuple(paths.items())) for e, paths in self._held.items()))

    def changed(self, asked: Mapping[str, Asked]) -> None:
        """Documents changed, which asked for this before: the next edition begins."""
        for held in self._held.values():
            for path, keys in asked.items():
                held.setdefault(path, keys)
        if self._heard or self._is_unsorted:
            self._held[self.now] = dict(asked)
            self._waiting.append(_Roots(self.now, self._heard))
            self._heard = []
            self.now += 1

    def edition(self, value: int) -> int:
        """The edition of a root, from what `subs` holds of it."""
        return max(value // MARK, self._first)

    def unheard(self, value: int) -> Mapping[str, Asked]:
        """What a root has not heard yet: path -> what it is subscribed to for that document."""
        return self._held.get(self.edition(value), {})

    @property
    def paths(self) -> dict[str, None]:
        """The documents of which some root has not heard the last change."""
        return {path: None for held in self._held.values() for path in held}

    def hears(self, root: str, subs: MutableMapping[str, int]) -> None:
        """A root knows the present edition."""
        subs[root] = subs[root] % MARK + self.now * MARK
        self._heard.append(root)

    def tell(
        self,
        subs: MutableMapping[str, int],
        messages: int,
        leaving_out: Container[str] = (),
        weigh: Callable[[str], int] = lambda root: 1,
    ) -> tuple[list[str], Mapping[str, Asked]]:
        """Takes the next roots of the oldest edition, which hear of the present one.

        Args:
            subs: Of the key.
            messages: About how many pieces of news they may get together, and at least one of them.
            leaving_out: Roots that the round is not for.
            weigh: For how many a root counts.

        Returns:
            The roots, and what they had not heard.
        """
        looked = 0
        while looked < _LOOKED and self._is_unsorted and all(waiting.over for waiting in self._waiting):
            # Not one page alone: who is killed after each must get further too.
            self._sort_on(subs, messages, leaving_out)
            looked += messages
        oldest = next((waiting for waiting in self._waiting if not waiting.over), self._waiting[0])
        unheard = self._held[oldest.edition]
        some = dict.fromkeys(oldest.take(max(1, messages // len(unheard)), weigh))
        known = oldest.edition
        roots = [r for r in some if r in subs and r not in leaving_out and self.edition(subs[r]) == known]
        for root in roots:
            self.hears(root, subs)
        while self._waiting and self._waiting[0].over and not self._is_unsorted:
            del self._held[self._waiting.popleft().edition]
        return roots, unheard

    @property
    def _is_unsorted(self) -> bool:
        """Whether there may be roots that nobody has looked at since a restart: of any edition."""
        return bool(self._unsorted) or (self._rest is not None and self._rest.unread)

    @property
    def over(self) -> bool:
        """Whether all have heard of everything."""
        return not self._waiting


class _Roots:
    """The roots of one edition; those that have left it, or the key, are still among them."""

    __slots__ = ("_at", "edition", "roots")

    def __init__(self, edition: int, roots: list[str]) -> None:
        self.edition, self.roots, self._at = edition, roots, 0

    def take(self, most: int, weigh: Callable[[str], int]) -> list[str]:
        found: list[str] = []
        while most > 0 and not self.over:
            found.append(self.roots[self._at])
            most -= weigh(found[-1])
            self._at += 1
        return found

    @property
    def over(self) -> bool:
        return self._at >= len(self.roots)
