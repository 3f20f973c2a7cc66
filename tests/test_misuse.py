"""The tool used wrongly, or where the system refuses: one paragraph, the right exit code, nothing half written."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from onto_flow.cli import main
from onto_flow.cli.command import plain
from onto_flow.formats.export_writer import write_export
from tests.test_cli import PROJECT, VIEWS, command, room, tool

__all__ = ["room"]
JOB = ["--source", "export", "--sink", "parquet:out"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["cat", ""], 2, "source 'export' needs a place"),
        (["cat", "jsonl:"], 2, "Write jsonl:PLACE."),
        (["cat", "export?acept_mismatch=true"], 2, "Did you mean accept_mismatch?"),
        (["cat", "export?split_bytes=many"], 2, "split_bytes=many is no number from 1 on"),
        (["cat", "export?batch_documents=0"], 2, "batch_documents=0 is no number"),
        (["cat", "jsonl:lines?batch_lines=x"], 2, "batch_lines=x is no number"),
        (["cat", "export", "--collection", ""], 2, "'' is not the path of a collection"),
        (["write", "copy", "--database", "a/b"], 2, "'projects/demo-onto-flow/databases/a/b' names no database"),
        (["backfill", VIEWS, "--source", "export", "--sink", "parquet:out?clock=1"], 2, "has no option 'clock'"),
        (["backfill", VIEWS, "--source", "export", "--sink", "memory:x"], 2, "sink 'memory' has no place"),
        (["run", VIEWS, *JOB, "--feed", "pulsar://p/s"], 2, "there is no feed 'pulsar'"),
        (
            ["run", VIEWS, "--source", "seeds:s", *JOB[2:], "--feed", "f"],
            2,
            "seeds are what a stream on Beam begins with",
        ),
        (["run", VIEWS, *JOB, "--feed", "f", "--publish-every", "nan"], 2, "--publish-every nan"),
        (["run", VIEWS, *JOB, "--feed", "f", "--publish-every", "-1"], 2, "--publish-every -1.0"),
        (["run", VIEWS, *JOB, "--feed", "f", "--snapshot-time", "2024-05-01"], 2, "RFC 3339"),
        (["inspect", "export", "--html", "export"], 1, "[io-failed] Is a directory\n  at export\n  Name a file."),
        (["explain", ""], 2, "'' names no module"),
        (["explain", ":Room"], 2, "':Room' names no module"),
        (["explain", "raises.py"], 2, 'raises cannot be imported: ZeroDivisionError: division by zero\n  at File "'),
        (["explain", "raises"], 2, 'raises.py", line 2: 1 / 0'),
        (["explain", "unfinished.py"], 2, "[udf-failed] SyntaxError: "),
        (["explain", "wants.py"], 2, "No module named 'no_such_package'"),
        (["explain", "mine/json.py"], 2, "mine/json.py cannot be imported: Python has another module 'json'"),
    ],
)
def test_a_mistake_is_one_clear_paragraph(room, arguments, code, says):
    (room / "raises.py").write_text("x = 1\n1 / 0\n")
    (room / "unfinished.py").write_text("class X(\n")
    (room / "wants.py").write_text("import no_such_package\n")
    (room / "mine").mkdir()
    (room / "mine" / "json.py").write_text("")
    before = sorted(room.iterdir())
    told = tool(*arguments, folder=room, code=code).stderr
    assert says in told
    assert told.startswith("onto-flow: [")
    assert sorted(p for p in room.iterdir() if p.name != "__pycache__") == before


@pytest.mark.parametrize(
    ("service", "arguments"),
    [
        ("Firestore", ["backfill", VIEWS, *JOB[:2], "--sink", "firestore://p"]),
        ("Firestore", ["backfill", VIEWS, "--source", "firestore://p", *JOB[2:]]),
        ("BigQuery", ["backfill", VIEWS, *JOB[:2], "--sink", "bigquery://p/d"]),
        ("Pub/Sub", ["backfill", VIEWS, *JOB[:2], "--sink", "pubsub://p/t"]),
        ("Pub/Sub", ["run", VIEWS, *JOB, "--feed", "pubsub://p/s", "--checkpoint", "state"]),
        ("Pub/Sub", ["dead-letters", "replay", "--file", "pubsub://p/s", "--to", "-"]),
    ],
)
def test_a_service_that_is_asked_without_credentials(room, service, arguments, monkeypatch, capsys):
    pytest.importorskip("google.cloud.bigquery", reason="pip install 'onto-flow[bigquery]'")
    for name in ("FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "no-such-file")
    monkeypatch.syspath_prepend(room)
    monkeypatch.chdir(room)
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert f"[no-credentials] {service} cannot be asked: File no-such-file was not found\n" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("cat export >&-", 1, "[io-failed] Bad file descriptor"),
        ("cat export >/dev/full", 1, "[io-failed] No space left on device"),
        (f"explain {VIEWS} >&-", 1, "[io-failed] Bad file descriptor"),
        (f"explain {VIEWS} >/dev/full", 1, "[io-failed] No space left on device"),
        ("inspect export >&-", 1, "[io-failed] Bad file descriptor"),
        ("write copy <&-", 1, "Bad file descriptor"),
        (f"run {VIEWS} --source export --sink memory: --feed - <&-", 1, "[io-failed] Bad file descriptor"),
        (f"backfill {VIEWS} --source export --sink parquet:out >&- <&-", 0, "16 documents"),
    ],
)
def test_streams_that_are_closed_or_full(room, line, code, says):
    prepared = command(folder=room)
    shell = " ".join([*prepared["args"], line])
    done = subprocess.run(
        ["sh", "-c", shell], cwd=room, env=prepared["env"], text=True, capture_output=True, timeout=120
    )
    assert (done.returncode, done.stderr.count("Error")) == (code, 0), done.stderr
    assert says in done.stderr


def test_messages_for_a_closed_standard_error_are_not_mixed_with_what_was_asked_for(room):
    prepared = command(folder=room)
    shell = " ".join([*prepared["args"], "cat export 2>&-"])
    done = subprocess.run(
        ["sh", "-c", shell], cwd=room, env=prepared["env"], text=True, stdout=subprocess.PIPE, timeout=120
    )
    assert (done.returncode, done.stdout.count("\n")) == (0, 16)


def test_an_export_that_is_begun_goes_with_sigterm(tmp_path):
    prepared = command("write", "copy", folder=tmp_path)
    process = subprocess.Popen(**prepared, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write('{"path": "a/b", "fields": {}}\n' * 20000)
    process.stdin.flush()
    while not any(p.name.startswith(".copy.") for p in tmp_path.iterdir()):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (1, "onto-flow: stopped before the end\n")
    assert not list(tmp_path.iterdir())


def test_what_a_terminal_would_obey_is_written_as_an_escape(tmp_path, capsys):
    assert plain("a\x1b[2J\nb\u202e") == "a\\x1b[2J\nb\\u202e"
    write_export(tmp_path / "export", [("a/b", {})])
    assert main(["cat", str(tmp_path / "no\x1b[2J")]) == 1
    assert "\x1b" not in capsys.readouterr().err


def test_a_page_that_cannot_be_written_is_not_there_and_a_device_stays(tmp_path, capsys, monkeypatch):
    write_export(tmp_path / "export", [("a/b", {"text": "x" * 20_000})])
    unlinked = []
    monkeypatch.setattr(Path, "unlink", lambda file, missing_ok=False: unlinked.append(file))
    assert main(["inspect", str(tmp_path / "export"), "--html", "/dev/full"]) == 1
    assert "[io-failed] No space left on device" in capsys.readouterr().err
    monkeypatch.undo()
    assert unlinked == []
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        assert main(["inspect", str(tmp_path / "export"), "--html", str(tmp_path / "page.html")]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert "[io-failed] File too large" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("job", ["movielens", "stocks", "swapi"])
def test_a_job_without_its_arguments_says_what_it_takes(job):
    line = [sys.executable, "-m", f"jobs.{job}", "export"]
    done = subprocess.run(line, cwd=PROJECT, text=True, capture_output=True, timeout=60)
    said = f"say what to do with udfs.{job}: backfill or maintain"
    assert (done.returncode, done.stderr.count(said)) == (2, 1)


def test_a_letter_is_shown_by_the_key_that_was_listed(room):
    (room / "feed").write_text(json.dumps({"specversion": "1.0", "id": "\x1b[2J\na", "type": 7}) + "\n")
    tool("run", VIEWS, "--source", "export", "--sink", "memory:", "--feed", "feed", folder=room, code=3)
    listed = tool("dead-letters", "list", folder=room).stdout
    assert listed.startswith("event:\\x1b[2J\\na\t1\tbad-change: ")
    assert listed.count("\n") == 1
    assert '"type": 7}' in tool("dead-letters", "show", listed.split("\t")[0], folder=room).stdout


def test_help_says_what_exit_codes_mean_and_where_other_options_go(capsys):
    for arguments, says in ([["--help"], "3 done but with dead letters"], [["run", "--help"], "go to the engine"]):
        with pytest.raises(SystemExit):
            main(arguments)
        assert says in capsys.readouterr().out


@pytest.mark.parametrize("line", ["explain names.py", "explain names.py --format mermaid", "dead-letters list"])
def test_names_that_the_encoding_of_the_terminal_lacks_are_escapes(room, line):
    (room / "names.py").write_text(
        "from onto_flow import DomainModel, Store, ViewModel, attrs, computed, root\n"
        "class M(DomainModel):\n    class Meta:\n        collection_name = 'vüs'\n    n: int = attrs.int\n"
        "class S(Store):\n    m = root(M)\n"
        "class V(ViewModel):\n    class Meta:\n        collection_name = 'vüs2'\n    store: S\n"
        "    @computed\n    def n(self) -> int:\n        return self.store.m.n\n",
        encoding="utf-8",
    )
    (room / "feed").write_text('{"specversion": "1.0", "id": "v\\u00fcs", "type": 7}\n')
    tool("run", VIEWS, "--source", "export", "--sink", "memory:", "--feed", "feed", folder=room, code=3)
    prepared = command(*line.split(), folder=room)
    prepared["env"]["PYTHONIOENCODING"] = "ascii"
    done = subprocess.run(**prepared, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "v\\xfcs" in done.stdout


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("checkpoint", "--checkpoint is of engine local, the default."),
        ("databse", "Or is it --database, of onto-flow itself?"),
    ],
)
def test_an_option_that_is_not_the_engines_is_said_to_be_anothers(room, option, says, monkeypatch, capsys):
    pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")
    monkeypatch.syspath_prepend(room)
    monkeypatch.chdir(room)
    (room / "feed").write_text("")
    assert main(["run", VIEWS, *JOB, "--feed", "feed", "--engine", "beam", f"--{option}", "x"]) == 2
    assert f"no pipeline option {option!r}\n  {says}\n" in capsys.readouterr().err
