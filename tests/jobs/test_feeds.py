"""Generated feeds hold everything that a feed may bring."""

from __future__ import annotations

from tests.jobs.feeds import generated_feed
from tests.jobs.small import EXPORTED_AT, edit_galaxy, galaxy, new_in_galaxy


def test_a_feed_brings_everything_late_and_twice():
    documents = galaxy()
    feed, now = generated_feed(documents, 400, exported_at=EXPORTED_AT, edit=edit_galaxy, new=new_in_galaxy)
    assert (feed, now) == generated_feed(documents, 400, exported_at=EXPORTED_AT, edit=edit_galaxy, new=new_in_galaxy)
    in_order = sorted({(c.time, c.path): c for c in feed}.values(), key=lambda c: c.time)
    assert len(in_order) < len(feed) and [c.time for c in feed] != [c.time for c in in_order]
    assert in_order[0].time < EXPORTED_AT, "it begins before the export"
    existed, gone = set(documents), set()
    kinds = set()
    for change in in_order:
        if change.time < EXPORTED_AT:
            continue
        if change.after is None:
            kinds.add("deleted")
            gone.add(change.path)
        elif change.before is not None:
            kinds.add("updated")
        else:
            kinds.add("re-created" if change.path in gone else "new")
        existed.add(change.path)
    assert kinds == {"deleted", "updated", "re-created", "new"}
    replayed = dict(documents)
    for change in in_order:
        if change.time > EXPORTED_AT:
            replayed.pop(change.path, None)
            replayed.update({change.path: change.after} if change.after is not None else {})
    assert replayed == now and existed >= set(now)
