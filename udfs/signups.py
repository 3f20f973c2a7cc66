"""Sign-ups per organization and month: who joined when, by declared keys of two parts.

`accounts/{id}` has `createdAt`, `organization` (a reference), `verified` and `channel`.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from onto_flow import DomainModel, Store, ViewModel, agg, attrs, one, operator, root, udf


class Organization(DomainModel):
    """A customer."""

    class Meta:
        collection_name = "organizations"

    name: str = attrs.str


class Account(DomainModel):
    """Somebody who signed up."""

    class Meta:
        collection_name = "accounts"

    created_at: datetime | None = attrs.timestamp
    verified: bool = attrs.bool(default=False)
    channel: str = attrs.str(default="direct")
    organization = attrs.relation(Organization)


class AccountStore(Store):
    """An account and its organization."""

    account = root(Account)
    organization = one(Organization, via=Account.organization, required=True)


class OrganizationMonth(NamedTuple):
    """The organization's id, and the month as 2024-05."""

    organization: str
    month: str


class SignUps(ViewModel):
    """What happened in one month at one organization."""

    class Meta:
        collection_name = "signUps"

    store: AccountStore

    @operator.key
    @classmethod
    def organization_month(cls, account: Account, organization: Organization) -> OrganizationMonth | None:
        """An account without a date belongs to no month."""
        if account.created_at is None:
            return None
        return OrganizationMonth(organization.doc_id, account.created_at.strftime("%Y-%m"))

    accounts = agg.count()
    verified = agg.count(where=lambda account: account.verified)
    channels = agg.count_distinct(lambda account: account.channel)
    first = agg.first(lambda account: account.doc_id, order_by=lambda account: account.created_at)

    @udf
    @staticmethod
    def verified_share(accounts: int, verified: int) -> float:
        """How many of them were verified, from 0 to 1."""
        return verified / accounts
