"""The feed of a follower: the 50 newest posts of everybody whom somebody follows.

`people/{id}` has `follows` (references to people) and `blocks`; `posts/{id}` has an `author`, a `text` and `postedAt`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from onto_flow import DomainModel, Store, ViewModel, attrs, computed, many, root

NEWEST = 50


class Person(DomainModel):
    """Somebody who follows others, and may post."""

    class Meta:
        collection_name = "people"

    name: str = attrs.str
    follows = attrs.relations("Person")


class Post(DomainModel):
    """What somebody posted."""

    class Meta:
        collection_name = "posts"

    text: str = attrs.str
    posted_at: datetime | None = attrs.timestamp
    hidden: bool = attrs.bool(default=False)
    author = attrs.relation(Person)


class FollowerStore(Store):
    """A person, whom they follow, and the newest posts of those."""

    follower = root(Person)
    followed = many(Person, via=(follower, Person.follows))
    posts = many(
        Post,
        by=(followed, Post.author),
        where=lambda post: post.posted_at is not None and not post.hidden,
        order_by=Post.posted_at,
        descending=True,
        limit=NEWEST,
    )


@dataclass(frozen=True)
class Item:
    """A post in a feed."""

    author: str
    text: str
    posted_at: datetime | None


class FollowerFeed(ViewModel):
    """What a person sees first."""

    class Meta:
        collection_name = "followerFeeds"

    store: FollowerStore

    @computed
    def items(self) -> list[Item]:
        """The newest posts, newest first."""
        followed = self.store.followed
        return [Item(a.name, p.text, p.posted_at) for p in self.store.posts if (a := followed.get(p.author))]

    @computed
    def following(self) -> int:
        """How many there are to follow."""
        return len(self.store.followed)
