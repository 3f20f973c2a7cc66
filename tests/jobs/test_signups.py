"""Sign-ups per organization and month."""

from datetime import datetime, timezone

from onto_flow import Reference
from onto_flow.testing import scenario
from udfs.signups import SignUps

ACME, NAVY = Reference("organizations/acme"), Reference("organizations/navy")


def on(month, day):
    return datetime(2024, month, day, 9, tzinfo=timezone.utc)


def month(organization, name, accounts, verified, channels, first):
    return {
        "organization": organization,
        "month": name,
        "accounts": accounts,
        "verified": verified,
        "channels": channels,
        "first": first,
        "verifiedShare": verified / accounts,
    }


def test_accounts_are_counted_where_and_when_they_began():
    (
        scenario(SignUps)
        .given(
            {
                "organizations/acme": {"name": "Acme"},
                "organizations/navy": {"name": "Navy"},
                "accounts/ada": {"createdAt": on(5, 2), "organization": ACME, "verified": True, "channel": "mail"},
                "accounts/bob": {"createdAt": on(5, 1), "organization": ACME},
                "accounts/eve": {"createdAt": on(5, 1), "organization": Reference("organizations/gone")},
                "accounts/old": {"organization": ACME},
            }
        )
        .then({"signUps/acme|2024-05": month("acme", "2024-05", 2, 1, 2, "bob")})
        .when(("accounts/bob", {"verified": True, "channel": "mail"}))
        .then({"signUps/acme|2024-05": month("acme", "2024-05", 2, 2, 1, "bob")})
        .when(("accounts/bob", {"organization": NAVY}), ("accounts/ada", {"createdAt": on(6, 1)}))
        .then(
            {
                "signUps/navy|2024-05": month("navy", "2024-05", 1, 1, 1, "bob"),
                "signUps/acme|2024-06": month("acme", "2024-06", 1, 1, 1, "ada"),
            }
        )
        .when(("organizations/navy", None), ("accounts/ada", None))
        .then({})
    )
