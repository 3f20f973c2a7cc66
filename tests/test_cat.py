"""`onto-flow cat`, run as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from onto_flow.cli import cat, main
from onto_flow.core.errors import UsageError
from onto_flow.formats.entity_writer import encode_entity
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.json_lines import line_of
from onto_flow.formats.leveldb_log import LogWriter

PROJECT = Path(__file__).parent.parent
PEOPLE = {
    "users/c": {"name": "Ada", "age": 36, "home": {"city": "London", "zip": "W1"}},
    "users/a": {"name": "Grace", "age": 85.0, "home": {"city": "New York"}, "tags": ["navy"]},
    "users/__id7__": {"name": "Zoë", "age": "?"},
    "rooms/a": {"size": 3},
}


@pytest.fixture
def export(tmp_path):
    write_export(tmp_path / "export", PEOPLE.items())
    return tmp_path / "export"


def command(*arguments):
    return [sys.executable, "-m", "onto_flow.cli", "cat", *map(str, arguments)]


def environment(**more):
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")]), **more}


def printed(capfdbinary, *arguments, code=0):
    """What is printed in this process, as lines; the rest is in the other pipe."""
    assert main(["cat", *map(str, arguments)]) == code
    out, err = capfdbinary.readouterr()
    return out.splitlines(keepends=True), err.decode()


def paths(lines):
    return [json.loads(line)["path"] for line in lines]


def test_all_of_an_export_or_some_of_it(export, capfdbinary):
    assert printed(capfdbinary, export) == ([line_of(*d) for d in PEOPLE.items()], "")
    lines, _ = printed(capfdbinary, export, "--sort")
    assert paths(lines) == ["rooms/a", "users/__id7__", "users/a", "users/c"]
    asked = (
        "--collection",
        "users",
        "--where",
        "age > 18",
        "--where",
        'home.city in ["London"]',
        "--fields",
        "home.zip,age",
    )
    lines, _ = printed(capfdbinary, export, *asked)
    assert lines == [line_of("users/c", {"age": 36, "home": {"zip": "W1"}})]
    assert paths(printed(capfdbinary, export, "--limit", 2)[0]) == ["users/c", "users/a"]
    assert paths(printed(capfdbinary, export, "--limit", 2, "--sort")[0]) == ["rooms/a", "users/__id7__"]


def test_lines_are_a_source_too(export, tmp_path, capfdbinary):
    lines, _ = printed(capfdbinary, export)
    (tmp_path / "lines.jsonl").write_bytes(b"".join(lines))
    assert printed(capfdbinary, f"jsonl:{tmp_path / 'lines.jsonl'}")[0] == lines


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--where", "age >"), "column 6 of 'age >'"),
        (("--fields", "a b"), "column 3 of 'a b'"),
        (("--sort-memory", "much"), "'much' is not a number of bytes"),
        (("--limit", "-1"), "-1 is less than nothing"),
    ],
)
def test_what_is_wrong_is_shown(export, capfdbinary, arguments, told):
    lines, err = printed(capfdbinary, export, *arguments, code=2)
    assert lines == [] and told in err and err.startswith("onto-flow: [wrong-usage]")


def test_sizes_have_units():
    assert [cat._bytes_of(text) for text in ("64M", "1k", "2G", "10")] == [64 << 20, 1024, 2 << 30, 10]
    for text in ("", "M", "-1M", "1T", "1.5M", "²"):
        with pytest.raises(UsageError):
            cat._bytes_of(text)


def damaged(folder):
    folder.mkdir()
    with (folder / "output-0").open("wb") as file:
        log = LogWriter(file)
        for record in (encode_entity("a/b", {"n": 1}), b"?", encode_entity("a/c", {})):
            log.write(record)
    return folder


def test_what_cannot_be_decoded_is_told_and_the_rest_is_printed(tmp_path, capfdbinary):
    lines, err = printed(capfdbinary, damaged(tmp_path / "export"), code=3)
    assert paths(lines) == ["a/b", "a/c"]
    assert err.startswith("onto-flow: document:output-0@") and "bad-document" in err and err.count("\n") == 1


def many(tmp_path, count=20_000):
    write_export(tmp_path / "many", ((f"a/{n * 7919 % 100_003}", {"text": "x" * 100}) for n in range(count)))
    return tmp_path / "many"


def test_sorting_leaves_nothing_behind_also_when_the_reader_goes_away(tmp_path):
    export, folder = many(tmp_path), tmp_path / "temporary"
    folder.mkdir()
    arguments = command(export, "--sort", "--sort-memory", "200k")
    done = subprocess.run(arguments, env=environment(TMPDIR=str(folder)), capture_output=True, timeout=120, check=True)
    found = paths(done.stdout.splitlines())
    assert found == sorted(found) and len(found) == 20_000 and list(folder.iterdir()) == []
    with subprocess.Popen(
        arguments, env=environment(TMPDIR=str(folder)), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline().startswith(b'{"path": "a/0"')
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=120) != 0
    assert list(folder.iterdir()) == []


def test_a_terminal_is_shown_how_far_it_is(tmp_path):
    export = many(tmp_path, 9000)
    terminal = "import sys, itertools, onto_flow.cli.command as c; sys.stderr.isatty = lambda: True"
    clock = "c.time.monotonic = itertools.count().__next__"
    run = f"{terminal}; {clock}; import onto_flow.cli as t; raise SystemExit(t.main(['cat', {str(export)!r}]))"
    done = subprocess.run([sys.executable, "-c", run], env=environment(), capture_output=True, timeout=120)
    told = done.stderr.decode()
    assert done.stdout.count(b"\n") == 9000
    assert "reading: 4,000 documents of 9,000" in told and told.endswith("\r\x1b[K")


def test_a_small_export_needs_no_numpy(export):
    run = f"import sys, onto_flow.cli as t; t.main(['cat', {str(export)!r}]); print({{'numpy', 'pyarrow'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", run], env=environment(), capture_output=True, timeout=60, check=True)
    assert done.stdout.endswith(b"set()\n") and done.stdout.count(b"\n") == 5
