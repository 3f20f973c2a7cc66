"""Views that are right and depend on time: documents that count until a moment, a clock, windows."""

from __future__ import annotations

from datetime import datetime, timedelta

from onto_flow import (
    DomainModel,
    Session,
    Store,
    ViewModel,
    agg,
    attrs,
    clock,
    computed,
    many,
    one,
    operator,
    root,
    udf,
    window,
)


class Guest(DomainModel):
    class Meta:
        collection_name = "guests"

    name: str = attrs.str


class Room(DomainModel):
    class Meta:
        collection_name = "rooms"

    seen: datetime | None = attrs.timestamp


class Stay(DomainModel):
    class Meta:
        collection_name = "stays"

    room = attrs.relation(Room)
    guest = attrs.relation(Guest)
    came: datetime | None = attrs.timestamp
    leaves: datetime | None = attrs.timestamp


class RoomStore(Store):
    room = root(Room)
    stays = many(Stay, by=Stay.room, until=Stay.leaves)
    guests = many(Guest, via=(stays, Stay.guest))
    awaited = many(Stay, by=Stay.room, until=Stay.came)
    all_stays = many(Stay, by=Stay.room)


class RoomPage(ViewModel):
    """Documents that count until a moment, with what hangs on them; until another moment; and without an end."""

    class Meta:
        collection_name = "roomPages"

    store: RoomStore

    @computed
    def guests(self) -> list[str]:
        return [guest.doc_id for guest in self.store.guests]

    @computed
    def stays(self) -> list[str]:
        return [stay.doc_id for stay in self.store.stays]

    @computed
    def awaited(self) -> int:
        return len(self.store.awaited)

    @computed
    def ever(self) -> int:
        return len(self.store.all_stays)


class WatchStore(Store):
    room = root(Room)
    clock = clock(every=timedelta(hours=1))


class Watch(ViewModel):
    """A clock, which is a document that changes by itself."""

    class Meta:
        collection_name = "watches"

    store: WatchStore

    @computed
    def hours(self) -> int | None:
        seen = self.store.room.seen
        return (self.store.clock.now - seen) // timedelta(hours=1) if isinstance(seen, datetime) else None


class StayStore(Store):
    stay = root(Stay)
    room = one(Room, via=Stay.room, until=Room.seen)


class Hourly(ViewModel):
    """Tumbling windows that begin at other moments; a slot of one document that ends."""

    class Meta:
        collection_name = "hourly"

    store: StayStore

    @operator.key
    @classmethod
    def hour(cls, stay: Stay) -> datetime | None:
        return (
            window.tumbling(stay.came, timedelta(hours=1), offset=timedelta(minutes=20))
            if isinstance(stay.came, datetime)
            else None
        )

    stays = agg.count()
    with_room = agg.count(where=lambda room: room is not None)


class Sliding(ViewModel):
    """Hopping windows."""

    class Meta:
        collection_name = "sliding"

    store: StayStore

    @operator.expand
    @classmethod
    def start(cls, stay: Stay) -> list[datetime]:
        came = stay.came if isinstance(stay.came, datetime) else None
        return window.hopping(came, timedelta(hours=1), every=timedelta(minutes=30))

    @operator.key
    @classmethod
    def begin(cls, start: datetime) -> datetime:
        return start

    stays = agg.count()


class Rush(ViewModel):
    """Session windows."""

    class Meta:
        collection_name = "rushes"

    store: StayStore

    @operator.key
    @classmethod
    def room(cls, stay: Stay) -> str | None:
        return stay.room.doc_id if stay.room else None

    rush = window.session(lambda stay: stay.came if isinstance(stay.came, datetime) else None, gap=timedelta(hours=1))
    stays = agg.count()

    @udf
    @staticmethod
    def hours(rush: Session) -> float:
        return (rush.end - rush.start) / timedelta(hours=1)


TIMED_VIEWS: dict[str, tuple[type[ViewModel], ...]] = {
    view.__name__: (view,) for view in (RoomPage, Watch, Hourly, Sliding, Rush)
}
