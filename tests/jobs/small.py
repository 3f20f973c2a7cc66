"""Small exports of the shape of the real ones, for where those are absent; made by a seed."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta, timezone
from typing import Any

from onto_flow import plan_views
from onto_flow.core.change import BELOW_EVENTS, Change
from onto_flow.plan.nodes import Plan
from tests.jobs.feeds import Documents, generated_feed
from udfs.stocks import SectorPage, StockPage
from udfs.swapi import FilmPage, PersonPage

EXPORTED_AT = datetime(2025, 10, 28, 2, tzinfo=timezone.utc)


def url(collection: str, number: int) -> str:
    return f"http://swapi.dev/api/{collection}/{number}/"


def galaxy(people: int = 12, seed: int = 1) -> Documents:
    """Films, people, planets and species that refer to each other by URL; some URLs lead nowhere, two planets share one."""
    chance = random.Random(seed)

    def some(collection: str, most: int, k: int) -> list[str]:
        return [url(collection, number) for number in chance.sample(range(1, most + 2), k)]

    found: Documents = {}
    for n in range(1, 5):
        found[f"films/f{chance.randrange(10**9)}"] = {
            "url": url("films", n),
            "title": f"Film {n}",
            "episode_id": 5 - n,
            "director": "G. L.",
            "release_date": f"19{70 + n}-05-25",
            "characters": some("people", people, 5),
            "planets": some("planets", 6, 3),
            "species": some("species", 3, 2),
            "images": ["1.png"],
        }
    for n in range(1, people + 1):
        found[f"people/p{chance.randrange(10**9)}"] = {
            "url": url("people", n),
            "name": f"Person {n}",
            "birth_year": chance.choice([None, f"{n}BBY"]),
            "homeworld": chance.choice([None, *some("planets", 6, 3)]),
            "films": some("films", 4, 2),
            "mass": chance.choice([70, 70.5, "unknown", None]),
        }
    for n in range(1, 7):
        found[f"planets/w{chance.randrange(10**9)}"] = {"url": url("planets", n), "name": f"Planet {n}"}
    for n in range(1, 4):
        found[f"species/s{chance.randrange(10**9)}"] = {"url": url("species", n), "name": f"Species {n}"}
    found["planets/again"] = {"url": url("planets", 1), "name": "Planet 1, written twice"}
    return found


def edit_galaxy(chance: random.Random, path: str, fields: Any) -> dict[str, Any]:
    """Names, and references that come, go and move; now and then a document takes another's URL."""
    after = dict(fields)
    collection = path.partition("/")[0]
    name = "title" if collection == "films" else "name"
    after[name] = f"{fields[name].partition(' #')[0]} #{chance.randrange(100)}"
    if collection == "films":
        for field, most in (("characters", 90), ("planets", 65), ("species", 40)):
            kept = [u for u in fields.get(field) or [] if chance.random() < 0.8]
            target = "people" if field == "characters" else field
            after[field] = [*kept, *(url(target, chance.randint(1, most)) for _ in range(chance.randrange(3)))]
        after["episode_id"] = chance.choice([fields["episode_id"], chance.randint(1, 9)])
    elif collection == "people":
        after["homeworld"] = chance.choice([None, fields.get("homeworld"), url("planets", chance.randint(1, 65))])
        after["films"] = [url("films", n) for n in chance.sample(range(1, 8), chance.randrange(4))]
    if chance.random() < 0.1:
        after["url"] = url(collection, chance.randint(1, 40))
    return after


def new_in_galaxy(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """A person or a planet that something may refer to already."""
    collection, number = chance.choice(["people", "planets"]), chance.randint(1, 90)
    return f"{collection}/new{number}", {"url": url(collection, number), "name": f"New {number}"}


SECTORS = ("Energy", "Technology", "Utilities", None)


def market(stocks: int = 6, days: int = 45, seed: int = 1) -> Documents:
    """Stocks and their days; one stock has no days, one symbol has days and no stock, and no price lies above its days."""
    chance = random.Random(seed)
    found: Documents = {}
    for n in range(stocks):
        symbol = f"S{n}"
        if n:
            found[f"stocks/{symbol}"] = {
                "sector": SECTORS[n % 4],
                "industry": f"Industry {n}",
                "marketCap": chance.randrange(10**12),
                "dividendYield": chance.choice([0, 0.01, 0.0263]),
            }
        for day in range(days if n != 1 else 0):
            found[f"prices/{symbol}/daily/{date(2025, 9, 1) + timedelta(days=day)}"] = prices(chance)
    return found


def prices(chance: random.Random) -> dict[str, Any]:
    """A day's prices: doubles, and integers where they have no fraction."""
    close = chance.randint(200, 400) / 4
    found = {"o": close, "c": close, "h": close + chance.randint(0, 8) / 4, "l": close - chance.randint(0, 8) / 4}
    return {"v": chance.randrange(10**7), **{n: int(p) if p == int(p) else p for n, p in found.items()}}


def edit_market(chance: random.Random, path: str, fields: Any) -> dict[str, Any]:
    """Other prices, of which some are not known yet; other sectors, values and yields."""
    if path.startswith("prices/"):
        after = prices(chance)
        if chance.random() < 0.1:
            del after[chance.choice("chl")]
        if chance.random() < 0.1:
            after["c"] = None
        return after
    after = dict(fields)
    after["marketCap"] = chance.choice([None, chance.randrange(10**12)])
    after["dividendYield"] = chance.choice([0, 0.02, None, chance.random() / 10])
    if chance.random() < 0.3:
        after["sector"] = chance.choice(SECTORS)
    return after


def new_in_market(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """A day of a stock that may not be there, or a stock that may have days already."""
    symbol = f"S{chance.randrange(9)}"
    if chance.random() < 0.2:
        return f"stocks/{symbol}", {"sector": "New", "marketCap": 1}
    return f"prices/{symbol}/daily/{date(2025, 10, 20) + timedelta(days=chance.randrange(20))}", prices(chance)


JOBS = {
    "swapi": ((FilmPage, PersonPage), galaxy, edit_galaxy, new_in_galaxy),
    "stocks": ((StockPage, SectorPage), market, edit_market, new_in_market),
}
"""Name of a job -> its views, a small export, and how a feed goes on: for tests of engines."""


def job_and_feed(name: str, documents: Documents | None = None) -> tuple[Plan, list[Change], list[Change]]:
    """The plan of a job, the documents of an export (the small one by default), and a feed of some changes."""
    views, small, edit, new = JOBS[name]
    documents = small() if documents is None else documents
    feed, _ = generated_feed(documents, 120, exported_at=EXPORTED_AT, edit=edit, new=new)
    return plan_views(*views), [Change(p, None, f, BELOW_EVENTS) for p, f in documents.items()], feed
