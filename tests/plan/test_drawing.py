"""The picture of a plan: well-formed, everything in it, nothing of a name obeyed."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from onto_flow import DomainModel, Store, ViewModel, attrs, computed, plan_views, root
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.plan.drawing import draw
from udfs import movielens, stocks, swapi

SVG = "{http://www.w3.org/2000/svg}"
PLANS = [
    plan_views(MeetingSession, OrganizationLoad),
    plan_views(stocks.StockPage, stocks.SectorPage),
    plan_views(swapi.FilmPage, swapi.PersonPage),
    plan_views(movielens.GenreStats, movielens.YearStats),
]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.views[0].name)
def test_everything_has_a_place_of_its_own_and_arrows_lead_to_the_right(plan):
    picture = ET.fromstring(draw(plan))
    boxes = [(int(r.get("x")), int(r.get("y"))) for r in picture.iter(f"{SVG}rect")]
    collections = {str(s.collection) for v in plan.views for s in v.slots}
    assert len(boxes) == len(set(boxes)) == len(collections) + len(plan.operators) + len(plan.views)
    width, height = int(picture.get("width")), int(picture.get("height"))
    assert all(x + 190 < width and y + 46 < height for x, y in boxes)
    for arrow in picture.iter(f"{SVG}path"):
        begin, _, end = arrow.get("d").removeprefix("M").partition("C")
        assert int(begin.split()[0]) < int(end.split()[4])


def test_names_are_escaped():
    class Room(DomainModel):
        class Meta:
            collection_name = "<script>&rooms"

        name: str = attrs.str

    class RoomStore(Store):
        room = root(Room)

    class RoomPage(ViewModel):
        class Meta:
            collection_name = "roomPages"

        store: RoomStore

        @computed
        def name(self) -> str:
            return self.store.room.name

    picture = plan_views(RoomPage)._repr_svg_()
    assert "<script" not in picture
    assert ET.fromstring(picture) is not None
