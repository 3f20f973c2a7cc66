"""A view whose code makes cycles of references, some of which live as long as a document does; and a job that follows them."""

from __future__ import annotations

from onto_flow import DomainModel, Store, ViewModel, attrs, computed, root
from onto_flow.core.change import Change
from onto_flow.engines.base import event
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.engines.steady import steady


class Node:
    """One of two that refer to each other."""

    alive = 0

    def __init__(self, other: Node | None = None) -> None:
        type(self).alive += 1
        self.other = other or type(self)(self)
        self.load = [float(number) for number in range(40)]

    def __del__(self) -> None:
        type(self).alive -= 1


class OfDocument(Node):
    """Nodes that a domain object keeps."""

    alive = 0


class Room(DomainModel):
    class Meta:
        collection_name = "rooms"

    name: str = attrs.str

    def plan(self) -> Node:
        """Made once, and kept beside the fields."""
        return self.__dict__.setdefault("_plan", OfDocument())


class RoomStore(Store):
    room = root(Room)


class Door(ViewModel):
    class Meta:
        collection_name = "doors"

    store: RoomStore

    @computed
    def label(self) -> str:
        Node()
        self.store.room.plan()
        return self.store.room.name.upper()


def most_alive(rooms: int, rounds: int) -> tuple[int, int, int]:
    """Follows a feed that renames every room in turn.

    Returns:
        How many nodes of evaluations, and of documents, there were between two batches at most; how often everything was
        looked at.
    """
    flow = LocalFlow(Door.plan())
    most, most_of_documents = 0, 0
    with steady() as collector:
        for number in range(rounds):
            renamed = [Change(f"rooms/{i}", None, {"name": f"n{number}"}, (number + 1, 0)) for i in range(rooms)]
            flow.process([event(change) for change in renamed])
            collector.between(idle=False)
            most, most_of_documents = max(most, Node.alive), max(most_of_documents, OfDocument.alive)
        return most, most_of_documents, collector.whole_looks
