"""The fence of a view document is not seen by those who read it: views over views, models, setters."""

from __future__ import annotations

from firestore_place import Standing, database

import onto_flow
from onto_flow import DomainModel, Store, ViewModel, attrs, root
from onto_flow.core.fence import FENCE
from onto_flow.core.writes import Write
from onto_flow.run import start
from onto_flow.sinks.firestore import FirestoreSink
from onto_flow.sinks.firestore.sink import Limits


class Desk(DomainModel):
    class Meta:
        collection_name = "desks"

    floor: int = attrs.int


class DeskStore(Store):
    desk = root(Desk)


class DeskView(ViewModel):
    class Meta:
        collection_name = "deskViews"

    store: DeskStore

    @onto_flow.computed
    def floor(self) -> int:
        return self.store.desk.floor


class Shown(DomainModel):
    class Meta:
        collection_name = "deskViews"

    floor: int = attrs.int


class ShownStore(Store):
    shown = root(Shown)


class Again(ViewModel):
    class Meta:
        collection_name = "again"

    store: ShownStore

    @onto_flow.computed
    def floor(self) -> int:
        return self.store.shown.floor


def test_views_over_view_documents_and_models_do_not_see_it(tmp_path):
    with database(tmp_path) as place:
        place.commit([Write.set("desks/a", {"floor": 1}), Write.set("desks/b", {"floor": 2})])
    sink = FirestoreSink(database(tmp_path), Limits(gently=False), Standing().around)
    source = f"sqlite:{tmp_path / 'app.sqlite'}"
    start([DeskView], source=source, sink=sink)
    with database(tmp_path) as place:
        assert FENCE in place.get("deskViews/a").fields
        with onto_flow.settings(database=place):
            shown = Shown.get("a")
            assert shown.floor == 1
            assert shown.to_snapshot().fields == {"floor": 1}
            shown.floor = 3
            shown.save()
        assert FENCE in place.get("deskViews/a").fields, "who saves a field keeps the fence"
    run = start([Again], source=source)
    assert run.documents(Again) == {"again/a": {"floor": 3}, "again/b": {"floor": 2}}
