import io
import json
import os
import sys
from contextlib import closing

import pytest

from onto_flow.core.change import BELOW_EVENTS, Change, DeadLetter
from onto_flow.core.collection import Collection, Projection
from onto_flow.core.errors import DataError
from onto_flow.core.values import Reference
from onto_flow.formats import encode_change
from onto_flow.formats.typed_json import encode_fields
from onto_flow.sources import jsonl, line_contents
from onto_flow.sources.base import Reader, Source
from onto_flow.sources.jsonl import JsonLines, JsonLinesFeed
from onto_flow.testing.source_suite import SourceSuite


def write(file, documents):
    lines = [json.dumps({"path": path, "fields": encode_fields(fields)}) for path, fields in documents.items()]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


class TestDocuments(SourceSuite):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.file = tmp_path / "documents.jsonl"

    def create_source(self, documents):
        return JsonLines(write(self.file, documents))


class TestDocumentsInSmallBatches(TestDocuments):
    many = 200

    def create_source(self, documents):
        return JsonLines(write(self.file, documents), batch_lines="7")


def changes(count):
    return [Change(f"users/u{i}", None, {"i": i, "name": "n"}, (10**15 + i, 0)) for i in range(count)]


def lines(*items):
    return b"".join(
        (item if isinstance(item, bytes) else json.dumps(encode_change(item)).encode()) + b"\n" for item in items
    )


def read(source, resume=None, projection=None):
    reader = source.open(source.partitions()[0], resume=resume, projection=projection)
    out = []
    while (batch := reader.next_batch()) is not None:
        out += batch
    reader.close()
    return out


@pytest.fixture
def feed(tmp_path):
    def make(*items, **options):
        (tmp_path / "feed.jsonl").write_bytes(lines(*items))
        return JsonLinesFeed(tmp_path / "feed.jsonl", **options)

    return make


def test_they_are_sources(feed):
    source = feed()
    assert isinstance(source, Source)
    with closing(source.open(source.partitions()[0])) as reader:
        assert isinstance(reader, Reader)
    assert (source.info().bounded, source.info().ranks_below_events) == (True, False)


def test_documents_rank_below_events_and_may_be_named_in_full(tmp_path):
    database = "projects/p/databases/(default)"
    line = {"name": f"{database}/documents/a/b", "fields": {"r": {"referenceValue": f"{database}/documents/c/d"}}}
    (tmp_path / "d").write_text(json.dumps(line) + "\n" + json.dumps(line | {"name": None, "path": "a/c"}))
    assert JsonLines(tmp_path / "d").info().ranks_below_events
    assert read(JsonLines(tmp_path / "d"))[0] == Change("a/b", None, {"r": Reference("c/d")}, BELOW_EVENTS)
    assert read(JsonLines(tmp_path / "d"))[1].after == {"r": Reference("c/d", database)}
    assert read(JsonLines(tmp_path / "d", database=database))[1].after == {"r": Reference("c/d")}


def test_a_feed_gives_its_changes_in_order(feed):
    assert read(feed(*changes(5), b"", b"  \r", changes(6)[5])) == changes(6)


def test_a_last_line_without_an_end_is_a_line(tmp_path):
    (tmp_path / "f").write_bytes(lines(*changes(2))[:-1])
    assert read(JsonLinesFeed(tmp_path / "f")) == changes(2)


def test_a_bad_line_becomes_a_dead_letter_and_reading_goes_on(feed):
    bad = encode_change(changes(1)[0], event_id="e7") | {"type": "other"}
    found = read(feed(changes(1)[0], b"{", b"[1]", json.dumps(bad).encode(), b"\xff", changes(2)[1]))
    assert [found[0], found[-1]] == changes(2)
    letters = found[1:-1]
    assert all(isinstance(letter, DeadLetter) for letter in letters)
    assert [letter.key.partition(" of ")[0] for letter in letters] == [
        "event:line 2",
        "event:line 3",
        "event:e7",
        "event:line 5",
    ]
    assert all(letter.reason.startswith("bad-change: ") and letter.stack for letter in letters)
    assert letters[0].payload == b"{"


def test_a_bad_document_becomes_a_dead_letter(tmp_path):
    content = [
        '{"path": "a/b", "fields": {"x": 1}}',
        '{"path": "a", "fields": {}}',
        "{}",
        '{"path": "a/c"}',
        '{"path": 5}',
    ]
    (tmp_path / "d").write_text("\n".join(content))
    found = read(JsonLines(tmp_path / "d"))
    assert [item.key.partition(" of ")[0] for item in found if isinstance(item, DeadLetter)] == [
        "document:a/b",
        "document:a",
        "document:line 3",
        "document:line 5",
    ]
    assert "$.fields.x" in found[0].reason
    assert found[3].after == {}


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_a_line_that_is_too_long_is_cut_and_memory_is_bounded(feed, monkeypatch, batch):
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 5_000_000)
    source = feed(
        changes(1)[0], b"x" * 12_000_000, changes(2)[1], b"y" * 5_000_001, b"z" * 7_000_000, batch_lines=batch
    )
    found = []
    with closing(source.open(source.partitions()[0])) as reader:
        while (items := reader.next_batch()) is not None:
            assert len(reader._lines._buffer) <= 7_000_000
            found += items
            if len(found) < 5:
                assert read(source, resume=reader.snapshot())[-1].key.startswith("event:line 5")
    assert [isinstance(item, DeadLetter) for item in found] == [False, True, False, True, True]
    assert "more than 5000000 bytes" in found[1].reason
    assert len(found[1].payload) == line_contents.PAYLOAD_BYTES


def test_a_reader_goes_on_where_another_stopped(feed):
    source = feed(*changes(20), batch_lines=3)
    done = 0
    with closing(source.open(source.partitions()[0])) as reader:
        while (batch := reader.next_batch()) is not None:
            done += len(batch)
            assert read(source, resume=reader.snapshot()) == changes(20)[done:]
    assert reader.documents_read == 20


def test_line_numbers_go_on_after_a_resume(feed):
    source = feed(*changes(3), b"{", batch_lines=2)
    with closing(source.open(source.partitions()[0])) as reader:
        reader.next_batch()
        assert read(source, resume=reader.snapshot())[-1].key.startswith("event:line 4")


def test_a_feed_is_projected(feed):
    other = Change("things/t", None, {"i": 1}, (10**15, 0))
    found = read(feed(*changes(2), other), projection=Projection(((Collection("users"), ("i",)),)))
    assert [change.after for change in found] == [{"i": 0}, {"i": 1}]
    assert read(feed(*changes(2), other), projection=Projection(((Collection("users"), None),))) == changes(2)


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError) as error:
        JsonLinesFeed(tmp_path / "gone").partitions()
    assert error.value.code == "not-found"


def test_a_pipe_is_read_without_waiting(monkeypatch):
    out, in_ = os.pipe()
    data = lines(*changes(3))
    with os.fdopen(out, "rb") as pipe:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(pipe))
        reader = JsonLinesFeed("-").open(JsonLinesFeed("-").partitions()[0], resume=b"ignored")
        assert reader.next_batch() == []
        assert reader.next_wake() is not None
        os.write(in_, data[:-10])
        assert reader.next_batch() == changes(2)
        assert reader.next_batch() == []
        os.write(in_, data[-10:])
        os.close(in_)
        assert reader.next_batch() == changes(3)[2:]
        assert reader.next_batch() is None
        assert reader.next_wake() is None
        reader.close()
        assert not pipe.closed


def test_standard_input_may_be_a_file_in_memory(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines(*changes(2)))))
    assert read(JsonLinesFeed("-")) == changes(2)


@pytest.mark.parametrize(
    ("now", "goes_on"),
    [
        (b'{"path": "a/1"}\n{"path": "a/2"}\n', True),
        (b'{"path": "a/1"}\n{"path": "a/2"}\n{"path": "a/3"}\n', True),
        (b'{"path": "a/1"}\n', False),
        (b'{"path": "a/11"}\n{"path": "a/2"}\n{"path": "a/3"}\n', False),
        (b"", False),
    ],
)
def test_reading_goes_on_only_where_a_line_begins(tmp_path, now, goes_on):
    file = tmp_path / "documents.jsonl"
    file.write_bytes(b'{"path": "a/1"}\n{"path": "a/2"}\n')
    source = JsonLines(str(file))
    [partition] = source.partitions()
    reader = source.open(partition)
    assert len(reader.next_batch()) == 2
    point = reader.snapshot()
    reader.close()
    file.write_bytes(now)
    if not goes_on:
        with pytest.raises(DataError, match="it is another file") as told:
            source.open(partition, resume=point)
        assert told.value.code == "resume-lost"
        return
    again = source.open(partition, resume=point)
    assert [c.path for c in again.next_batch() or ()] == ["a/3"][: now.count(b"\n") - 2]
    again.close()
