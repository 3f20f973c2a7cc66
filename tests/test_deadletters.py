from __future__ import annotations

import base64
import json
import stat
import subprocess
import sys
from contextlib import ExitStack, closing

import pytest

from onto_flow.core.change import DeadLetter
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.core.values import Reference
from onto_flow.deadletters import DeadLetters
from onto_flow.formats.redaction import MAX_PAYLOAD


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


def test_sensitive_values_are_not_kept_in_a_line_of_a_feed(opened, tmp_path):
    letters = opened(redact=["iban"])
    line = b'{"data": {"fields": {"iban": {"stringValue": "DE00SECRET"}, "name": {"stringValue": "Ada"}}}}'
    letters.put(DeadLetter("json", "no", payload=line))
    letters.put(DeadLetter("cut", "no", payload=line[:-3]))
    letters.put(DeadLetter("binary", "no", payload=b"\xff\x0a\x04iban DE00SECRET"))
    wrapped = {"data_base64": base64.b64encode(b"\x0a\x04iban\x12 DE00SECRET").decode()}
    letters.put(DeadLetter("wrapped", "no", payload=json.dumps(wrapped).encode()))
    letters.put(DeadLetter("escaped", "no", payload=line.replace(b"iban", b"\\u0069ban")))
    assert len(letters) == 5
    assert all("DE00" not in str(letter) for letter in letters)
    letters.close()
    raw = b"".join(file.read_bytes() for file in (tmp_path / "private").iterdir())
    assert b"DE00SECRET" not in raw and b"Ada" in raw


def test_sensitive_values_are_not_kept_in_reason_and_stack(opened):
    letters = opened(redact=["iban", "gone", "vip"])
    secret = "DE00 " + "7" * 200
    document = {"iban": secret, "gone": None, "vip": True, "n": 1234}
    reason = f"sink-failed: V.x is declared as int and holds {secret!r:.80}"
    letters.put(DeadLetter("k", reason, f"None True 1234\nValueError: bad {secret}", document))
    letter = letters.show("k")
    assert letter.reason == "sink-failed: V.x is declared as int and holds '(redacted)"
    assert letter.stack == "None True 1234\nValueError: bad (redacted)"


def test_a_line_without_sensitive_fields_is_kept_as_it_is(opened):
    letters = opened(redact=["iban"])
    for key, line in {"spaced": '{"a" :1.0}', "cut": '{"a": ', "text": "é"}.items():
        letters.put(DeadLetter(key, "no", payload=line.encode()))
        assert letters.show(key).payload == line


def test_what_has_no_form_is_kept_as_python_shows_it(opened):
    letters = opened()
    letters.put(DeadLetter("odd", "no", payload=object()))
    letters.put(DeadLetter("a/\ud800", "\ud800", "\ud800", {"x": "\ud800"}))
    assert "object object" in letters.show("odd").payload
    assert letters.show("a/\\ud800").reason == "\\ud800"
    letters.put(DeadLetter("a/\ud800", "", cleared=True))
    assert len(letters) == 1


def test_what_is_too_large_is_cut_and_says_so(opened):
    letters = opened()
    letters.put(DeadLetter("whole", "no", payload=b"x" * 9_000_000))
    letters.put(DeadLetter("big", "r" * 10**6, "s" * 10**6 + "the end", b"x" * (2 * MAX_PAYLOAD)))
    assert len(letters.show("whole").payload) == 9_000_000
    big = letters.show("big")
    assert big.payload.endswith("xxx... (cut: 30,000,000 characters)") and len(big.payload) < MAX_PAYLOAD + 50
    assert len(big.reason) < 30_000 and len(big.stack) < 30_000 and big.stack.endswith("the end")


def test_the_file_has_a_bound_in_bytes(opened, tmp_path, clock):
    letters = opened(max_bytes=1_000_000)
    for n in range(50):
        clock.now += 1
        letters.put(DeadLetter(str(n), "no", payload=b"x" * 100_000))
    keys = [int(letter.key) for letter in letters]
    assert 5 <= len(keys) < 10 and keys == list(range(50 - len(keys), 50))
    assert letters.dropped == 50 - len(keys)
    letters.close()
    assert (tmp_path / "private" / "letters.sqlite").stat().st_size < 2_000_000


def test_what_was_dropped_is_counted_and_what_comes_again_is_not_the_oldest(opened, clock):
    letters = opened(max_letters=3)
    for key in "abcad":
        clock.now += 1
        letters.put(DeadLetter(key, "no"))
    assert ({letter.key for letter in letters}, letters.dropped) == ({"a", "c", "d"}, 1)


def test_many_letters_need_no_time_that_grows_with_them(opened):
    letters = opened()
    steps = []
    letters._connection.set_progress_handler(lambda: steps.append(1) and None, 100)

    def cost(numbers):
        steps.clear()
        for n in numbers:
            letters.put(DeadLetter(f"k{n}", "no"))
        return len(steps)

    first = cost(range(500))
    cost(range(500, 5000))
    assert cost(range(5000, 5500)) <= 2 * first + 10


def test_a_killed_process_loses_no_letter(tmp_path):
    file = tmp_path / "letters.sqlite"
    code = (
        "import os, sys\n"
        "from onto_flow.core.change import DeadLetter\n"
        "from onto_flow.deadletters import DeadLetters\n"
        "letters = DeadLetters(sys.argv[1])\n"
        "for n in range(100): letters.put(DeadLetter(str(n), 'no'))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(file)], check=False)
    assert ended.returncode == -9
    assert {stat.S_IMODE(f.stat().st_mode) for f in tmp_path.iterdir()} == {0o600}
    letters = DeadLetters(file)
    assert len(letters) == 100
    letters.close()


def test_one_may_list_while_two_write(opened):
    one, other, reader = opened(), opened(), opened()
    one.put(DeadLetter("a", "no"))
    listing = iter(reader)
    other.put(DeadLetter("b", "no"))
    one.put(DeadLetter("c", "no"))
    assert [letter.key for letter in listing] == ["a"]
    assert len(one) == len(other) == len(reader) == 3


def test_a_file_that_is_none_is_one_clear_error(tmp_path):
    file = tmp_path / "letters.sqlite"
    file.write_text("these are no letters, and long enough to be seen" * 100)
    with pytest.raises(EngineError, match="sink-failed"):
        DeadLetters(file)
