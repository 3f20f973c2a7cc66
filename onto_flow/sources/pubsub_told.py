"""What Pub/Sub is told of messages: that they are still here, and that they are done with; many in a request.

Law: what is told is told in the end, and an acknowledgement never before it is given. What does not reach the service only
brings a message again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.api_core.retry import Retry

DEADLINE_SECONDS = 10
"""The stream's deadline, and the longest that a lease is extended by: the client's own 60 seconds are how long messages of a
killed process would stay away."""

LEASES_WAIT = 0.3
"""Seconds: a message that is acknowledged within them needs no lease. The client extends leases a second before they end."""
ACKNOWLEDGEMENTS_WAIT = 0.02
"""Seconds in which they come together: the client gives them by hundreds."""

_PATIENCE = 5.0
_A_WHILE = Retry(initial=0.1, maximum=1.0, timeout=_PATIENCE)
"""The client's own minute is longer than a lease."""

_AT_ONCE = 1000
"""So many messages a request: it may have 512 KiB."""


class Told:
    """Takes the place of two calls of a client, and makes them from threads of its own.

    Args:
        client: A `SubscriberClient`.
        subscription: Its full name.
    """

    def __init__(self, client: Any, subscription: str) -> None:
        self._subscription = subscription
        self._modify, self._acknowledge = client.modify_ack_deadline, client.acknowledge
        client.modify_ack_deadline, client.acknowledge = self.extend, self.acknowledge
        self._leases = Gathered(self._extend, LEASES_WAIT, "pubsub-leases")
        self._done = Gathered(self._send_acknowledgements, ACKNOWLEDGEMENTS_WAIT, "pubsub-acknowledgements")

    def extend(self, *, subscription: str, ack_ids: Iterable[str], ack_deadline_seconds: float) -> None:
        """Soon extends the leases of what is not acknowledged until then; called as the client calls it.

        With no seconds, messages are given back at once.
        """
        if ack_deadline_seconds:
            self._leases.add(ack_ids)
        else:
            self.give_back(list(ack_ids))

    def acknowledge(self, *, subscription: str, ack_ids: Iterable[str]) -> None:
        """Soon acknowledges messages; called as the client calls it."""
        ids = list(ack_ids)
        self._leases.drop(ids)
        self._done.add(ids)

    def give_back(self, ids: list[str]) -> None:
        """Gives messages back: they come again at once, or after their deadline where the service does not answer."""
        with suppress(GoogleAPICallError):
            for some in _parts(ids):
                self._call_modify(some, 0, None, DEADLINE_SECONDS)

    def close(self) -> None:
        """Sends the acknowledgements that wait; extends nothing any more."""
        self._leases.close(sends=False)
        self._done.close(sends=True)

    def _extend(self, ids: list[str]) -> None:
        with suppress(GoogleAPICallError, RetryError):
            self._call_modify(ids, DEADLINE_SECONDS, _A_WHILE, _PATIENCE)

    def _call_modify(self, ids: list[str], seconds: int, retry: Retry | None, timeout: float) -> None:
        self._modify(
            subscription=self._subscription, ack_ids=ids, ack_deadline_seconds=seconds, retry=retry, timeout=timeout
        )

    def _send_acknowledgements(self, ids: list[str]) -> None:
        with suppress(GoogleAPICallError, RetryError):
            self._acknowledge(subscription=self._subscription, ack_ids=ids)


class Gathered:
    """Ids that are sent together: those that came within a while, or while a request was under way.

    Args:
        send: Sends so many as one request may have, in a thread of its own; it does not raise.
        wait: How many seconds the first waits for others.
        name: Of the thread.
    """

    def __init__(self, send: Callable[[list[str]], None], wait: float, name: str) -> None:
        self._send, self._wait = send, wait
        self._ids: dict[str, None] = {}
        self._lock = threading.Lock()
        self._some, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def add(self, ids: Iterable[str]) -> None:
        """These are to be sent."""
        with self._lock:
            self._ids.update(dict.fromkeys(ids))
        self._some.set()

    def drop(self, ids: Iterable[str]) -> None:
        """These need not be sent any more."""
        with self._lock:
            for id in ids:
                self._ids.pop(id, None)

    def close(self, *, sends: bool) -> None:
        """Waits for the request that is under way, and sends the rest if it is to be sent."""
        if not sends:
            with self._lock:
                self._ids.clear()
        self._over.set()
        self._some.set()
        self._thread.join(DEADLINE_SECONDS)

    def _run(self) -> None:
        is_over = False
        while not is_over:
            self._some.wait()
            is_over = self._over.wait(self._wait)
            self._some.clear()
            with self._lock:
                ids, self._ids = list(self._ids), {}
            for some in _parts(ids):
                self._send(some)


def _parts(ids: list[str]) -> Iterable[list[str]]:
    return (ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE))
