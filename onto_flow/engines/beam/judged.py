"""A bounded job's dead letters, judged before its tables are written: by `on_error = "fail"` and by the breaker.

```
view changes --- how many ---------------+
dead letters --- each key once, counted --+-> judged ---> (who writes waits for it)
```

Where they do not allow it the step raises; the runner tries it again some times, and the job fails with the letter named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from ...core.change import DeadLetter, ViewChange
from ..breaker import Limits, judge
from ..carried import decode_carried, encode_carried
from .elements import Built
from .parts import KEYED

Found = tuple[int, bytes]
"""How many keys failed, and the letter of one; of one whose view says `fail`, where there is one."""


class Judged(beam.PTransform):
    """Dead letters -> nothing, or the job fails; what waits for it takes it as a side input.

    Args:
        views: The view changes of the job, or what was `Built`.
        limits: As for a `Breaker`; so many per minute does not apply. `None`: only `on_error = "fail"` counts.
    """

    def __init__(self, views: Any, limits: Limits | None) -> None:
        super().__init__()
        self._views, self._limits = views, limits

    def expand(self, letters: Any) -> Any:
        """Counts both, and compares."""
        keyed = letters | "failures" >> beam.FlatMap(_failures).with_output_types(KEYED)
        ones = keyed | "keys" >> beam.GroupByKey() | "one" >> beam.Map(_one).with_output_types(Found)
        failed = ones | "failed" >> beam.CombineGlobally(_worst).with_output_types(Found)
        sizes = self._views | "sizes" >> beam.Map(_size).with_output_types(int)
        shown = sizes | "shown" >> beam.CombineGlobally(sum).with_output_types(int)
        start = letters.pipeline | "start" >> beam.Create([b""]).with_output_types(bytes)
        sides = beam.pvalue.AsSingleton(failed), beam.pvalue.AsSingleton(shown)
        return start | "judged" >> beam.FlatMap(_judge, self._limits, *sides).with_output_types(bytes)


def _failures(letter: DeadLetter) -> Iterator[tuple[bytes, bytes]]:
    if letter.policy and not letter.cleared:
        yield letter.key.encode("utf-8", "surrogatepass"), encode_carried(letter)


def _one(key: tuple[bytes, Iterable[bytes]]) -> Found:
    return 1, next(iter(key[1]))


def _worst(found: Iterable[Found]) -> Found:
    """Adds up; again and again, in any order."""
    count, worst = 0, b""
    for failed, letter in found:
        count += failed
        if letter and (not worst or _stops(letter)):
            worst = letter
    return count, worst


def _stops(letter: bytes) -> bool:
    found = decode_carried(letter)
    return isinstance(found, DeadLetter) and found.policy == "fail"


def _size(views: Any) -> int:
    """How many view changes an element is."""
    if not isinstance(views, Built):
        return 1
    columns = 0 if views.columns is None else len(views.columns)
    return columns + sum(isinstance(output, ViewChange) for output in views.given())


def _judge(_: bytes, limits: Limits | None, found: Found, shown: int) -> list[bytes]:
    failed, letter = found
    if failed:
        last = decode_carried(letter)
        assert isinstance(last, DeadLetter)
        judge(limits, failed, shown, last)
    return []
