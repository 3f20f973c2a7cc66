"""The timetable of a room: its lessons in order, with course and teachers, and where two of them overlap.

`lessons/{id}` has references to a room, a course and teachers, a `weekday` (0 to 6), a `start` and an `end` in minutes of
the day. A lesson that is `cancelled` is not shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from onto_flow import DomainModel, Store, ViewModel, attrs, computed, many, root, udf


class Room(DomainModel):
    """A room."""

    class Meta:
        collection_name = "rooms"

    name: str = attrs.str


class Course(DomainModel):
    """What is taught."""

    class Meta:
        collection_name = "courses"

    title: str = attrs.str


class Teacher(DomainModel):
    """Who teaches."""

    class Meta:
        collection_name = "teachers"

    name: str = attrs.str


class Lesson(DomainModel):
    """A course in a room, every week."""

    class Meta:
        collection_name = "lessons"

    weekday: int = attrs.int(default=0)
    start: int = attrs.int(default=0)
    end: int = attrs.int(default=0)
    cancelled: bool = attrs.bool(default=False)
    room = attrs.relation(Room)
    course = attrs.relation(Course)
    teachers = attrs.relations(Teacher)


class RoomStore(Store):
    """A room, its lessons in the order of the week, and what they name."""

    room = root(Room)
    lessons = many(
        Lesson, by=Lesson.room, where=lambda lesson: not lesson.cancelled, order_by=(Lesson.weekday, Lesson.start)
    )
    courses = many(Course, via=Lesson.course)
    teachers = many(Teacher, via=Lesson.teachers)


@dataclass(frozen=True)
class Entry:
    """A lesson as it hangs on the door."""

    weekday: int
    start: int
    end: int
    title: str
    teachers: list[str]


class Timetable(ViewModel):
    """What hangs on the door of a room."""

    class Meta:
        collection_name = "timetables"

    store: RoomStore

    @computed
    def room(self) -> str:
        """The room's name."""
        return self.store.room.name

    @computed
    def entries(self) -> list[Entry]:
        """The lessons of the week, in order."""
        store = self.store
        found: list[Entry] = []
        for lesson in store.lessons:
            course = store.courses.get(lesson.course)
            names = sorted(t.name for ref in lesson.teachers if (t := store.teachers.get(ref)))
            title = course.title if course else "(no course)"
            found.append(Entry(lesson.weekday, lesson.start, lesson.end, title, names))
        return found

    @udf
    @staticmethod
    def overlaps(entries: list[Entry]) -> int:
        """How many lessons begin before the one before them has ended."""
        return sum(1 for a, b in pairwise(entries) if a.weekday == b.weekday and b.start < a.end)
