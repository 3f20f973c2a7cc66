"""Views whose slots hold some of what is joined, and whose functions fail on some documents; importable by workers."""

from __future__ import annotations

from typing import Any

from onto_flow import DomainModel, Store, ViewModel, attrs, computed, many, one, root


def board_of(raw: Any) -> str:
    """The path in a text like `in boards/b1`."""
    return str(raw.split(" ")[1])


class Board(DomainModel):
    class Meta:
        collection_name = "boards"

    day: int = attrs.int
    pinned = attrs.relations("Note")


class Note(DomainModel):
    class Meta:
        collection_name = "notes"

    board = attrs.relation("Board", parse=board_of)
    day: int = attrs.int
    rank: int = attrs.int


class BoardStore(Store):
    board = root(Board)
    good = many(Note, by=Note.board, where=lambda note: 12 // note.rank > 1)
    today = many(Note, by=Note.board, where=lambda note, board: note.day == board.day)
    newest = many(Note, by=Note.board, order_by=Note.day, descending=True, limit=2)
    first = one(Note, by=Note.board, order_by=lambda note: (note.rank, note.day))
    pinned = many(Note, via=Board.pinned, where=lambda note: note.rank != 5, order_by=Note.doc_id, descending=True)


class Wall(ViewModel):
    class Meta:
        collection_name = "walls"
        on_error = "delete"

    store: BoardStore

    @computed
    def good(self) -> list[str]:
        return [n.doc_id for n in self.store.good]

    @computed
    def today(self) -> list[str]:
        return [n.doc_id for n in self.store.today]

    @computed
    def newest(self) -> list[str]:
        return [n.doc_id for n in self.store.newest]

    @computed
    def first(self) -> str:
        return self.store.first.doc_id

    @computed
    def pinned(self) -> list[str]:
        return [n.doc_id for n in self.store.pinned]


class StrictWall(Wall):
    class Meta:
        collection_name = "strictWalls"
        on_error = "fail"


def documents() -> dict[str, dict[str, Any]]:
    """Boards with notes; one note whose rank is 0, one whose board cannot be read, one board without any."""
    found: dict[str, dict[str, Any]] = {
        f"boards/b{n}": {"day": n, "pinned": [f"notes/n{k}" for k in range(n, n + 5)]} for n in range(6)
    }
    for n in range(30):
        found[f"notes/n{n}"] = {"board": f"in boards/b{n % 5}", "day": n % 4, "rank": n % 9}
    found["notes/broken"] = {"board": 7, "day": 1, "rank": 1}
    return found
