"""Python's objects in large pages: they are what they were, and what is freed is given back and taken again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.usefixtures("compiled"),
    pytest.mark.skipif(sys.platform != "linux", reason="large pages are Linux's"),
]

_SCRIPT = """
from threading import Thread

from onto_flow.core.native import compiled

def deep(n):
    return n and deep(n - 1)

def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) // 1000

early = [str(n) for n in range(200_000)]
assert compiled().large_pages() and compiled().large_pages()
for n in range(300, 900):  # the stacks of threads come from the same place, in other sizes
    thread = Thread(target=deep, args=(n,))
    thread.start()
    thread.join()
made = [None] * 400_000
began = resident()
for _ in range(2):
    for n in range(400_000):
        made[n] = (n, str(n), [n])
    full = resident()
    assert all(n == number == int(text) == listed[0] for n, (number, text, listed) in enumerate(made))
    for n in range(400_000):
        made[n] = None
    print(full - began, resident() - began)
assert early == [str(n) for n in range(200_000)]
del early
"""


def test_what_is_freed_is_given_back_and_taken_again():
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    (full, left), (again, left_again) = ([int(n) for n in line.split()] for line in done.stdout.splitlines())
    assert full > 60
    assert again < 1.3 * full
    assert max(left, left_again) < full / 3


_FREED = """
from onto_flow.core.native import compiled

def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) // 1000

held = [bytearray(2000) for _ in range(40_000)]
full, last = resident(), held.pop()
del held
kept = resident()
given_back = compiled().trim()
print(full, kept, resident(), given_back)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are not asked")
def test_what_the_c_library_keeps_of_freed_memory_is_given_back():
    done = subprocess.run([sys.executable, "-c", _FREED], capture_output=True, text=True, check=True)
    full, kept, left, given_back = done.stdout.split()
    assert given_back == "True" and int(full) - int(left) > 60
    assert int(kept) - int(left) > 60


_LARGE = """
from onto_flow.core.native import compiled

def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) // 1000

early = bytearray(b"e" * 20_000_000)
assert compiled().large_pages()
began = resident()
table = dict.fromkeys(range(600_000), 1)
grown = bytearray()
for n in range(60):
    grown += bytes([n]) * 400_000
early += b"l" * 20_000_000
zeros = bytearray(30_000_000)
full = resident()
assert len(table) == 600_000 and all(n in table for n in range(600_000))
assert all(grown[n * 400_000] == grown[n * 400_000 + 399_999] == n for n in range(60))
assert early[0] == early[19_999_999] == ord("e") and early[-1] == early[20_000_000] == ord("l") and not any(zeros[::4096])
del grown[1_000_000:]
assert grown[-1] == 2
del table, grown, early, zeros
print(full - began, resident() - began)
"""


def test_large_blocks_are_what_they_were_and_are_given_back():
    done = subprocess.run([sys.executable, "-c", _LARGE], capture_output=True, text=True, check=True)
    full, left = map(int, done.stdout.split())
    assert full > 50
    assert left < 20


def test_memory_that_is_traced_is_left_where_it_is():
    code = """
import tracemalloc
from onto_flow.core.native import compiled
tracemalloc.start()
compiled().large_pages()
table = dict.fromkeys(range(600_000), 1)
tracemalloc.stop()
del table
"""
    subprocess.run([sys.executable, "-c", code], check=True)
