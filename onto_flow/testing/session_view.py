"""A view with a document per session, for tests and examples."""

from __future__ import annotations

from datetime import datetime, timedelta

from .. import DomainModel, Store, ViewModel, agg, attrs, operator, root, window

MINUTE = 60_000_000


class Click(DomainModel):
    """What a user did."""

    class Meta:
        collection_name = "clicks"

    user: str = attrs.str
    at: datetime = attrs.timestamp


class ClickStore(Store):
    """A click."""

    click = root(Click)


class Visit(ViewModel):
    """The clicks of a user that are no further than five minutes apart."""

    class Meta:
        collection_name = "visits"

    store: ClickStore

    @operator.key
    @classmethod
    def user(cls, click: Click) -> str:
        """Whose it is."""
        return click.user

    clicks = agg.count()
    session = window.session(lambda click: click.at, gap=timedelta(minutes=5))
