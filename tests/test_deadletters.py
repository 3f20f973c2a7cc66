from __future__ import annotations

import stat
from contextlib import ExitStack, closing

import pytest

from onto_flow.core.change import DeadLetter
from onto_flow.core.errors import UsageError
from onto_flow.core.values import Reference
from onto_flow.deadletters import DeadLetters


class Clock:
    now = 1_700_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(tmp_path, clock):
    """Opens the same file, any number of times; all are closed in the end."""
    with ExitStack() as stack:
        file = tmp_path / "private" / "letters.sqlite"
        yield lambda **options: stack.enter_context(closing(DeadLetters(file, clock=clock, **options)))


def test_a_letter_is_kept_whole_and_survives(opened, clock):
    letters = opened()
    payload = {"path": "users/u1", "ref": Reference("a/b"), "n": 1}
    letters.put(DeadLetter("document:users/u1", "bad-document: no", "Traceback...", payload))
    letters.close()
    letter = opened().show("document:users/u1")
    assert (letter.reason, letter.stack, letter.count) == ("bad-document: no", "Traceback...", 1)
    assert '"referenceValue"' in letter.payload and "1 times, 2023-11-14" in str(letter)


def test_its_file_is_private(opened, tmp_path):
    opened()
    file = tmp_path / "private" / "letters.sqlite"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_repeated_letter_counts_up_and_keeps_its_first_time(opened, clock):
    letters = opened()
    letters.put(DeadLetter("k", "first"))
    clock.now += 60
    letters.put(DeadLetter("k", "second"))
    [letter] = letters
    assert (letter.count, letter.reason, letter.last - letter.first) == (2, "second", 60)


def test_a_cleared_letter_goes(opened, clock):
    letters = opened()
    letters.put(DeadLetter("k", "no"))
    letters.put(DeadLetter("k", "", cleared=True))
    assert len(letters) == 0
    with pytest.raises(UsageError, match="there is no dead letter 'k'"):
        letters.show("k")


def test_the_oldest_go_beyond_the_bounds(opened, clock):
    letters = opened(max_letters=2, retention=100)
    for key in "abc":
        clock.now += 1
        letters.put(DeadLetter(key, "no"))
    assert [x.key for x in letters] == ["b", "c"]
    clock.now += 200
    letters.put(DeadLetter("d", "no"))
    assert [x.key for x in letters] == ["d"]


def test_sensitive_fields_are_not_kept(opened, clock):
    letters = opened(redact=["iban"])
    letters.put(DeadLetter("k", "no", payload={"a": [{"iban": "DE00"}], "iban": {"x": "DE00"}}))
    assert "DE00" not in letters.show("k").payload and "(redacted)" in letters.show("k").payload


def test_what_has_no_form_and_what_is_too_large_is_bounded(opened, clock):
    letters = opened()
    letters.put(DeadLetter("odd", "no", payload=object()))
    letters.put(DeadLetter("big", "r" * 10**6, "s" * 10**6, b"x" * (2 << 20)))
    assert "object object" in letters.show("odd").payload
    big = letters.show("big")
    assert "is not kept" in big.payload and len(big.reason) < 30_000 and len(big.stack) < 30_000
