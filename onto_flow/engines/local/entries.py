"""A large map cell in memory: it remembers what changed, and a part of it may not have been read yet."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, MutableMapping, ValuesView
from typing import Any, Protocol


class Entries(dict[Any, Any]):
    """The entries of a large map cell, which remember those that changed.

    Attributes:
        changed: The keys of entries that were set or taken away since they were written.
        behind: The keys of those that were written to the log, and not to the table yet.

    Example:
        >>> entries = Entries({"a": 1, "b": 2})
        >>> entries.changed.clear()
        >>> entries["a"] = 3
        >>> entries.pop("b"), entries.pop("x", None), sorted(entries.changed)
        (2, None, ['a', 'b', 'x'])
    """

    __slots__ = ("behind", "changed")

    def __init__(self, entries: Any = ()) -> None:
        super().__init__(entries)
        self.changed: set[Any] = set(self)
        self.behind: set[Any] = set()

    def __setitem__(self, key: Any, value: Any) -> None:
        self.changed.add(key)
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        self.changed.add(key)
        super().__delitem__(key)

    def pop(self, key: Any, *default: Any) -> Any:
        """See `dict`."""
        self.changed.add(key)
        return super().pop(key, *default)

    def popitem(self) -> tuple[Any, Any]:
        """See `dict`."""
        key, value = super().popitem()
        self.changed.add(key)
        return key, value

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """See `dict`."""
        self.changed.add(key)
        return super().setdefault(key, default)

    def update(self, *others: Any, **named: Any) -> None:
        """See `dict`."""
        for key, value in dict(*others, **named).items():
            self[key] = value

    def clear(self) -> None:
        """See `dict`."""
        self.changed.update(self)
        super().clear()

    def found(self, key: Any, value: Any) -> None:
        """An entry was read."""
        super().__setitem__(key, value)


class Rest(Protocol):
    """Where the entries are that were not read."""

    def find(self, key: Any) -> tuple[Any, ...]:
        """(its value,), or () where there is none that `next` has not given."""

    def next(self, most: int) -> tuple[list[tuple[Any, Any]], bool]:
        """At most so many entries behind those before, in an order of its own; and whether there may be more."""


class Partly(MutableMapping[Any, Any]):
    """A large map of which a part was not read. See `core.unread`.

    It is no dictionary, as C looks into those.

    Law: what was read, set or taken away counts over the rest; what the rest has given once is here or was taken away.

    Args:
        known: What was said of it since the rest was written: entries, and keys of those that went (`behind`).
        rest: All others, and older ones of these.
    """

    __slots__ = ("_gone", "_more", "_rest", "_untold", "known")

    def __init__(self, known: Entries, rest: Rest) -> None:
        self.known, self._rest = known, rest
        self._gone = known.behind - known.keys()
        self._more = True
        self._untold: list[Any] = []

    @property
    def unread(self) -> bool:
        """See `core.unread`: also where all was read, and whoever goes through it page by page was not told of some."""
        return self._more or bool(self._untold)

    @property
    def changed(self) -> set[Any]:
        """See `Entries`."""
        return self.known.changed

    @property
    def behind(self) -> set[Any]:
        """See `Entries`."""
        return self.known.behind

    @behind.setter
    def behind(self, keys: set[Any]) -> None:
        self.known.behind = keys

    def read_on(self, most: int) -> list[Any]:
        """See `core.unread`."""
        if not self._untold:
            return self._read(most)
        keys, self._untold = self._untold[:most], self._untold[most:]
        return [key for key in keys if key in self.known]

    def _read(self, most: int) -> list[Any]:
        entries, self._more = self._rest.next(most) if self._more else ([], False)
        keys, known, gone = [], self.known, self._gone
        for key, value in entries:
            if key not in gone:
                keys.append(key)
                if key not in known:
                    known.found(key, value)
        return keys

    def _all(self) -> Entries:
        while self._more:
            self._untold += self._read(_MANY)
        return self.known

    def __getitem__(self, key: Any) -> Any:
        if key not in self.known:
            found = self._rest.find(key) if self._more and key not in self._gone else ()
            if not found:
                self._gone.add(key)
                raise KeyError(key)
            self.known.found(key, found[0])
        return self.known[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._gone.discard(key)
        self.known[key] = value

    def __delitem__(self, key: Any) -> None:
        self[key]
        del self.known[key]
        self._gone.add(key)

    def __bool__(self) -> bool:
        while not self.known and self._more:
            self._untold += self._read(_MANY)
        return bool(self.known)

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._all())

    def keys(self) -> KeysView[Any]:
        """See `dict`."""
        return self._all().keys()

    def values(self) -> ValuesView[Any]:
        """See `dict`."""
        return self._all().values()

    def items(self) -> ItemsView[Any, Any]:
        """See `dict`."""
        return self._all().items()


Large = Entries | Partly
"""A map that is kept entry by entry."""

_MANY = 2000
"""So many entries are read at a time where all are needed."""
