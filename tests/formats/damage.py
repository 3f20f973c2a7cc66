"""Damage of bytes, for fuzzers: flipped, overwritten, cut, spliced, lengths forged; and what watches over a fuzzer."""

import random
import signal
import tracemalloc

EXTREMES = [
    b"\x00",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff\xff",
    b"\xff" * 9 + b"\x01",
    b"\xff" * 10,
    b"\x80" * 12,
    b"\xff\xff\xff\x7f",
]


def flip(rng, data, _):
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def overwrite(rng, data, _):
    at = rng.randrange(len(data))
    data[at : at + rng.randrange(1, 9)] = rng.randbytes(rng.randrange(1, 9))


def cut(rng, data, _):
    del data[rng.randrange(len(data)) :]


def remove(rng, data, _):
    at = rng.randrange(len(data))
    del data[at : at + rng.choice([1, 2, 7, 50, rng.randrange(1, len(data) + 1)])]


def splice(rng, data, other):
    at, start = rng.randrange(len(data) + 1), rng.randrange(len(other))
    data[at:at] = other[start : start + rng.choice([1, 3, 7, 100, 5000])]


def forge(rng, data, _):
    extreme = rng.choice(EXTREMES)
    at = rng.randrange(len(data))
    data[at : at + rng.choice([0, 1, len(extreme)])] = extreme


def zero(rng, data, _):
    at = rng.randrange(len(data))
    data[at : at + rng.choice([1, 7, 100])] = bytes(rng.choice([1, 7, 100]))


DAMAGE = (flip, flip, overwrite, cut, remove, splice, forge, forge, zero)


def damaged(rng, data, other):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        if data:
            rng.choice(DAMAGE)(rng, data, other)
    return bytes(data)


def damaged_batches(numbers, records):
    """For each number 60 of the records, most of them damaged."""
    for number in numbers:
        rng = random.Random(number)
        batch = [rng.choice(records) for _ in range(60)]
        yield [damaged(rng, r, rng.choice(records)) if rng.random() < 0.8 else r for r in batch]


def watched(run, kind, numbers, *, seconds, memory, every):
    """Runs a fuzzer's cases: none may take so many seconds, and, of every so many, none so much memory."""

    def late(*_):
        raise AssertionError("no case takes so long")

    before = signal.signal(signal.SIGALRM, late)
    try:
        for number in numbers:
            signal.alarm(seconds)
            measured = number % every == 0
            if measured:
                tracemalloc.start()
            try:
                run(kind, number)
                assert not measured or tracemalloc.get_traced_memory()[1] < memory
            except Exception as error:
                raise AssertionError(f"{kind} {number}: {type(error).__name__} {error}") from error
            finally:
                if measured:
                    tracemalloc.stop()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
