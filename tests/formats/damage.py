"""Damage of bytes, for fuzzers: flipped, overwritten, cut, spliced, lengths forged."""

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
