"""The timetable of a room."""

from onto_flow import Reference
from onto_flow.testing import scenario
from udfs.timetable import Timetable

GREEN = Reference("rooms/green")


def lesson(weekday, start, end, course, *teachers):
    return {
        "room": GREEN,
        "weekday": weekday,
        "start": start,
        "end": end,
        "course": Reference(f"courses/{course}"),
        "teachers": [Reference(f"teachers/{t}") for t in teachers],
    }


def entry(weekday, start, end, title, *teachers):
    return {"weekday": weekday, "start": start, "end": end, "title": title, "teachers": list(teachers)}


MATHS = entry(0, 480, 540, "Maths", "Ada")
ART = entry(0, 540, 600, "Art", "Bob", "Eve")


def table(*entries, overlaps=0, room="Green"):
    return {"timetables/green": {"room": room, "entries": list(entries), "overlaps": overlaps}}


def test_lessons_are_in_order_and_overlaps_are_counted():
    (
        scenario(Timetable)
        .given(
            {
                "rooms/green": {"name": "Green"},
                "courses/maths": {"title": "Maths"},
                "courses/art": {"title": "Art"},
                "teachers/ada": {"name": "Ada"},
                "teachers/bob": {"name": "Bob"},
                "teachers/eve": {"name": "Eve"},
                "lessons/a": lesson(0, 540, 600, "art", "eve", "bob"),
                "lessons/m": lesson(0, 480, 540, "maths", "ada"),
            }
        )
        .then(table(MATHS, ART))
        .when(("lessons/a", {"start": 530}), ("rooms/green", {"name": "Blue"}))
        .then(table(MATHS, entry(0, 530, 600, "Art", "Bob", "Eve"), overlaps=1, room="Blue"))
        .when(("lessons/a", {"weekday": 1, "start": 500}), ("teachers/bob", None))
        .then(table(MATHS, entry(1, 500, 600, "Art", "Eve"), room="Blue"))
        .when(("lessons/m", {"cancelled": True}), ("courses/art", {"title": "Painting"}))
        .then(table(entry(1, 500, 600, "Painting", "Eve"), room="Blue"))
        .when(("lessons/a", {"room": Reference("rooms/red")}))
        .then(table(room="Blue"))
    )
