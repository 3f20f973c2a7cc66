"""The feed of a follower."""

from datetime import datetime, timedelta, timezone

from onto_flow import Reference
from onto_flow.testing import scenario
from udfs.follower_feed import NEWEST, FollowerFeed

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
ADA, BOB = Reference("people/ada"), Reference("people/bob")


def post(author, text, minute, **more):
    return {"author": author, "text": text, "postedAt": NOON + timedelta(minutes=minute), **more}


def feed(following, *items):
    shown = [{"author": a, "text": t, "postedAt": NOON + timedelta(minutes=m)} for a, t, m in items]
    return {"items": shown, "following": following}


NOTHING = feed(0)


def test_the_newest_posts_of_the_followed_come_first():
    (
        scenario(FollowerFeed)
        .given(
            {
                "people/eve": {"name": "Eve", "follows": [ADA, BOB]},
                "people/ada": {"name": "Ada", "follows": []},
                "posts/1": post(ADA, "Hello", 1),
                "posts/2": post(ADA, "Again", 2),
                "posts/3": post(BOB, "Not yet", 3),
            }
        )
        .then(
            {
                "followerFeeds/eve": feed(1, ("Ada", "Again", 2), ("Ada", "Hello", 1)),
                "followerFeeds/ada": NOTHING,
            }
        )
        .when(("people/bob", {"name": "Bob"}), ("posts/2", {"hidden": True}))
        .then(
            {
                "followerFeeds/eve": feed(2, ("Bob", "Not yet", 3), ("Ada", "Hello", 1)),
                "followerFeeds/ada": NOTHING,
                "followerFeeds/bob": NOTHING,
            }
        )
        .when(("people/eve", {"follows": [BOB]}), ("posts/3", {"text": "Now"}), ("people/ada", None))
        .then({"followerFeeds/eve": feed(1, ("Bob", "Now", 3)), "followerFeeds/bob": NOTHING})
    )


def test_fifty_are_shown_and_the_next_moves_up_when_one_goes():
    posts = {f"posts/{n:02}": post(ADA, str(n), n) for n in range(NEWEST + 2)}
    items = [("Ada", str(n), n) for n in range(NEWEST + 2)][::-1]
    (
        scenario(FollowerFeed)
        .given({"people/eve": {"name": "Eve", "follows": [ADA]}, "people/ada": {"name": "Ada"}, **posts})
        .then({"followerFeeds/eve": feed(1, *items[:NEWEST]), "followerFeeds/ada": NOTHING})
        .when((f"posts/{NEWEST}", None))
        .then({"followerFeeds/eve": feed(1, items[0], *items[2 : NEWEST + 1]), "followerFeeds/ada": NOTHING})
    )
