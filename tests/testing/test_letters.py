"""The judge of dead letters complains of what is open and of what is missing, and of nothing else."""

from __future__ import annotations

from onto_flow.core.change import DeadLetter
from onto_flow.testing.letters import judge_letters

OPEN = DeadLetter("document:a/1", "wrong-type: n")
CLEARED = DeadLetter("document:a/1", "", cleared=True)
CLAIMED = DeadLetter("own:outV/x", "path-claimed: two roots")


def test_letters_are_taken_in_their_order():
    assert list(judge_letters({"document:a/1"}, [OPEN, CLEARED, OPEN, CLAIMED])) == []
    assert list(judge_letters(set(), [OPEN, CLEARED])) == []


def test_after_a_restore_a_letter_may_stay_open_and_none_may_be_missing():
    assert list(judge_letters(set(), [OPEN], restored=True)) == []
    assert list(judge_letters({"document:a/1"}, [], restored=True)) == ["document:a/1 has no dead letter"]


def test_what_is_open_or_missing_is_told():
    assert list(judge_letters(set(), [OPEN])) == [f"a dead letter: {OPEN}"]
    assert list(judge_letters({"document:a/1"}, [OPEN, CLEARED])) == ["document:a/1 has no dead letter"]
