"""The breaker: stops a run when so much user code fails that the code, and not a document, must be wrong.

Law: it stops at the first failure at which, of the last 10,000 evaluations (all of them while there were fewer), more than
1 % and at least 100 have failed, or 1,000 have failed within a minute. What it stops is neither published nor acknowledged.

Example:
    >>> breaker = Breaker(Limits(window=10, share=0.2, least=2, per_minute=100), clock=lambda: 0.0)
    >>> for evaluation in (1, 20, 25, 26):
    ...     breaker.failed(DeadLetter("view:V:v/1", "udf-failed", policy="keep"), evaluation)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    onto_flow.core.errors.EngineError: [breaker-open] 3 of the last 10 evaluations failed; the last one: view:V:v/1: ...
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields

from ..core.change import DeadLetter
from ..core.errors import EngineError, UsageError, did_you_mean

_MINUTE = 60.0
OFF = "off"
MOST_RECENT = 1_000


@dataclass(frozen=True)
class Limits:
    """When the breaker opens.

    Attributes:
        window: Of so many evaluations,
        share: more than this share,
        least: and at least so many fail;
        per_minute: or so many fail within a minute.
    """

    window: int = 10_000
    share: float = 0.01
    least: int = 100
    per_minute: int = 1_000

    @classmethod
    def of(cls, text: str) -> Limits | None:
        """The limits that an option says: `off` (`None`), or `name=number` pairs with commas; empty: the usual ones.

        Raises:
            UsageError: `wrong-usage`.

        Example:
            >>> Limits.of("share=0.05,least=500"), Limits.of("off")
            (Limits(window=10000, share=0.05, least=500, per_minute=1000), None)
        """
        if text == OFF:
            return None
        known = {f.name: float if f.name == "share" else int for f in fields(cls)}
        said: dict[str, float] = {}
        for pair in text.split(",") if text else ():
            name, _, number = pair.strip().partition("=")
            if name not in known:
                raise UsageError("wrong-usage", f"the breaker has no limit {name!r:.80}", fix=did_you_mean(name, known))
            try:
                said[name] = known[name](number)
            except ValueError:
                said[name] = -1
            if not 0 <= said[name] < float("inf"):
                raise UsageError("wrong-usage", f"--breaker {name}={number!s:.80} is no number")
        return cls(**said)  # type: ignore[arg-type]


DEFAULT_LIMITS = Limits()


class Breaker:
    """Counts the failures of one run.

    Args:
        limits: When it opens; `None`: never, but a view with `Meta.on_error = "fail"` still stops the run.
        clock: Seconds, of any beginning.

    Attributes:
        recent: The last letters since whoever runs the job last cleared it: where a run is stopped in the middle of a
            batch, those of that batch.
    """

    def __init__(self, limits: Limits | None, clock: Callable[[], float]) -> None:
        self._limits, self._clock = limits, clock
        self.recent: deque[DeadLetter] = deque(maxlen=MOST_RECENT)
        self._at: deque[int] = deque()
        self._times: deque[float] = deque()

    def failed(self, letter: DeadLetter, evaluations: int) -> None:
        """User code failed.

        Args:
            letter: Of `policy`; others are no evaluations.
            evaluations: How many there were so far, this one included.

        Raises:
            EngineError: `udf-failed` where the view says so, `breaker-open`.
        """
        if not letter.policy:
            return
        self.recent.append(letter)
        if letter.policy == "fail":
            raise stopped(letter)
        if self._limits is not None:
            self._count(letter, evaluations, self._limits)

    def _count(self, letter: DeadLetter, evaluations: int, limits: Limits) -> None:
        now = self._clock()
        self._at.append(evaluations)
        self._times.append(now)
        while self._at and self._at[0] <= evaluations - limits.window:
            self._at.popleft()
        while self._times[0] <= now - _MINUTE:
            self._times.popleft()
        seen = min(limits.window, max(evaluations, len(self._at)))
        if len(self._at) >= limits.least and len(self._at) > limits.share * seen:
            raise _open(f"{len(self._at):,} of the last {seen:,} evaluations failed", letter)
        if len(self._times) >= limits.per_minute:
            raise _open(f"{len(self._times):,} evaluations failed within a minute", letter)


def _open(what: str, letter: DeadLetter) -> EngineError:
    return EngineError(
        "breaker-open",
        f"{what}; the last one: {letter.key}: {letter.reason}",
        fix="Correct the view, or raise the limits with --breaker; the dead letters have every failure.",
    )


def stopped(letter: DeadLetter) -> EngineError:
    """What a run says that ends by the policy of a view."""
    return EngineError(
        "udf-failed",
        f"{letter.key}: {letter.reason}; the view says on_error = 'fail', so the run was stopped",
        fix='Correct the view or the document, or say on_error = "keep" or "delete" in its Meta.',
    )


def judge(limits: Limits | None, failed: int, view_changes: int, letter: DeadLetter) -> None:
    """Whether a job whose outputs are all known may be published.

    How often user code was evaluated on the workers is not known; it was at least once per view document.

    Args:
        limits: As for a `Breaker`; so many per minute does not apply.
        failed: How many keys failed.
        view_changes: How many did not.
        letter: Of one that failed: of one whose view says `on_error = "fail"`, where there is one.

    Raises:
        EngineError: `udf-failed`, `breaker-open`.
    """
    if letter.policy == "fail":
        raise stopped(letter)
    seen = failed + view_changes
    if limits is not None and failed >= limits.least and failed > limits.share * seen:
        raise _open(f"{failed:,} of {seen:,} evaluations failed", letter)


class Failures:
    """The failures of a job whose outputs become known when it has ended: judged all at once, before publication.

    Args:
        limits: As for a `Breaker`; so many per minute does not apply.
    """

    def __init__(self, limits: Limits | None) -> None:
        self._limits = limits
        self._last: dict[str, DeadLetter] = {}

    def take(self, letter: DeadLetter) -> None:
        """A letter came.

        Raises:
            EngineError: `udf-failed` where its view says `on_error = "fail"`.
        """
        if letter.policy == "fail":
            raise stopped(letter)
        if letter.policy:
            self._last[letter.key] = letter

    def settle(self, view_changes: int) -> None:
        """All letters came.

        Raises:
            EngineError: `breaker-open`.
        """
        if self._last:
            judge(self._limits, len(self._last), view_changes, next(reversed(self._last.values())))
