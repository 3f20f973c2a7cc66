"""Nexmark with mutations: persons, auctions and bids as documents, 5 % of the events updates and 2 % deletions.

Of 50 creations 1 is a person, 3 are auctions and 46 bids; half of the bids go to the newest hot auction, three quarters
of the auctions are a hot seller's, as in the generators of Beam and nexmark/nexmark (our own seeded one, so nothing
depends on theirs). An event a second, so that days pass. Updates move a person to another state, an auction to another
category, and correct the price of a bid; a deleted bid is one that was withdrawn. Events of one hundred are delivered
in another order than they happened in.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from onto_flow.core.change import Change
from onto_flow.core.values import Reference, to_micros

START = datetime(2026, 5, 1, tzinfo=timezone.utc)
STATES = ("AZ", "CA", "ID", "OR", "WA", "WY")
CITIES = (
    "Phoenix",
    "Los Angeles",
    "San Francisco",
    "Boise",
    "Portland",
    "Bend",
    "Redmond",
    "Seattle",
    "Kent",
    "Cheyenne",
)
CHANNELS = ("Google", "Facebook", "Baidu", "Apple")
CATEGORIES = range(10, 15)
HOT, ACTIVE = 100, 1000
LATE = 100

Fields = dict[str, Any]


class _World:
    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now: dict[str, Fields] = {}
        self.paths: dict[str, list[str]] = {"persons": [], "auctions": [], "bids": []}
        self.created = 0

    def create(self, time: datetime) -> tuple[str, Fields]:
        at, self.created = self.created % 50, self.created + 1
        kind = "persons" if at == 0 else "auctions" if at < 4 else "bids"
        path = f"{kind}/{kind[0]}{len(self.paths[kind]):08}"
        fields: Fields = getattr(self, f"_{kind}")(time)
        self.paths[kind].append(path)
        return path, fields

    def change(self) -> tuple[str, Fields] | None:
        kind = self.chance.choice(("persons", "auctions", "bids"))
        path = self.living(kind)
        if path is None:
            return None
        new = {
            "persons": {"state": self.chance.choice(STATES)},
            "auctions": {"category": self.chance.choice(CATEGORIES)},
            "bids": {"price": self._price()},
        }
        return path, {**self.now[path], **new[kind]}

    def living(self, kind: str) -> str | None:
        """One of the newer documents that are there."""
        paths = self.paths[kind][-ACTIVE:]
        path = self.chance.choice(paths) if paths else None
        return path if path in self.now else None

    def _persons(self, time: datetime) -> Fields:
        number = len(self.paths["persons"])
        place = {"city": self.chance.choice(CITIES), "state": self.chance.choice(STATES)}
        return {"name": f"Person {number}", "emailAddress": f"p{number}@example.com", **place, "dateTime": time}

    def _auctions(self, time: datetime) -> Fields:
        return {
            "itemName": f"Item {self.chance.randrange(10**6)}",
            "initialBid": self._price(),
            "reserve": self._price(),
            "dateTime": time,
            "expires": time + timedelta(seconds=self.chance.randrange(1, 4000)),
            "seller": Reference(self._one("persons", 4)),
            "category": self.chance.choice(CATEGORIES),
        }

    def _bids(self, time: datetime) -> Fields:
        return {
            "auction": Reference(self._one("auctions", 2)),
            "bidder": Reference(self._one("persons", 4)),
            "price": self._price(),
            "channel": self.chance.choice(CHANNELS),
            "dateTime": time,
        }

    def _one(self, kind: str, ratio: int) -> str:
        """A hot one (the first of the last hundred) but for one of `ratio` times, which is any of the newer ones."""
        paths = self.paths[kind]
        if self.chance.randrange(ratio):
            return paths[(len(paths) - 1) // HOT * HOT]
        return self.chance.choice(paths[-HOT:])

    def _price(self) -> int:
        return round(10 ** (self.chance.random() * 6) * 100)


def events(count: int, seed: int = 1) -> Iterator[Change]:
    """So many changes, in the order of their delivery."""
    world, late = _World(seed), random.Random(seed + 1)
    block: list[Change] = []
    for number in range(count):
        time = START + timedelta(seconds=number)
        path, fields = _event(world, time)
        version = (to_micros(time), 0)
        block.append(Change(path, None, fields, version))
        if fields is None:
            del world.now[path]
        else:
            world.now[path] = fields
        if len(block) == LATE or number == count - 1:
            late.shuffle(block)
            yield from block
            block = []


def _event(world: _World, time: datetime) -> tuple[str, Fields | None]:
    draw = world.chance.random()
    if draw < 0.05 and (changed := world.change()) is not None:
        return changed
    if 0.05 <= draw < 0.07:
        path = world.living(world.chance.choice(("persons", "auctions", "bids")))
        if path is not None:
            return path, None
    return world.create(time)


def final(changes: list[Change]) -> dict[str, Fields]:
    """The documents that are there after all changes."""
    newest: dict[str, Change] = {}
    for change in changes:
        if change.path not in newest or newest[change.path].version < change.version:
            newest[change.path] = change
    return {path: dict(c.after) for path, c in newest.items() if c.after is not None}
