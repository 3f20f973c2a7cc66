"""The suite lets a right source pass, and catches each of these broken ones."""

import pytest

from onto_flow.core.change import BELOW_EVENTS, Change, DeadLetter
from onto_flow.sources.base import Partition, SourceInfo
from onto_flow.testing.source_suite import SourceSuite

BATCH = 100


class MemorySource:
    """Documents in two partitions; subclasses break one promise each."""

    def __init__(self, documents):
        self.documents = documents

    def info(self):
        return SourceInfo(kind="memory", documents=len(self.documents))

    def partitions(self):
        return [Partition("even"), Partition("odd")]

    def open(self, partition, *, resume=None, projection=None):
        paths = sorted(self.documents)[0 if partition.name == "even" else 1 :: 2]
        return MemoryReader(self, [(p, self.documents[p]) for p in paths], int(resume or b"0"), projection)

    def value(self, value):
        return value

    def point(self, at):
        return at

    def wants(self, projection, path):
        return projection is None or projection.wants(path)

    def counts(self, wanted):
        return True

    def batch(self, batch):
        return batch

    def acknowledge(self, partition, resume):
        pass


class MemoryReader:
    def __init__(self, source, documents, at, projection):
        self.source, self.documents, self.at, self.projection = source, documents, at, projection
        self.documents_read = at

    def next_batch(self):
        if self.at >= len(self.documents):
            return None
        taken = self.documents[self.at : self.at + BATCH]
        self.at += len(taken)
        batch = []
        for path, fields in taken:
            wanted = self.source.wants(self.projection, path)
            self.documents_read += self.source.counts(wanted)
            if wanted:
                after = {k: self.source.value(v) for k, v in fields.items()}
                batch.append(Change(path, None, after, BELOW_EVENTS))
        return self.source.batch(batch)

    def next_wake(self):
        return None

    def snapshot(self):
        return str(self.source.point(self.at)).encode()

    def close(self):
        pass


class TestARightSource(SourceSuite):
    def create_source(self, documents):
        return MemorySource(documents)


class LosesTheLastPartition(MemorySource):
    def partitions(self):
        return [Partition("even")]


class GivesPartitionsTwice(MemorySource):
    def partitions(self):
        return [Partition("even"), Partition("odd"), Partition("odd")]


class RenamesItsPartitions(MemorySource):
    asked = 0

    def partitions(self):
        self.asked += 1
        return [Partition("even", self.asked), Partition(f"odd{self.asked}")]


class ResumesTooLate(MemorySource):
    def point(self, at):
        return at + 1


class ResumesTooEarly(MemorySource):
    def point(self, at):
        return max(at - 1, 0)


class ReadsIntegersAsDoubles(MemorySource):
    def value(self, value):
        return float(value) if type(value) is int else value


class LosesEmptyArrays(MemorySource):
    def value(self, value):
        return None if value == [] else value


class CountsOnlyWhatIsWanted(MemorySource):
    def counts(self, wanted):
        return wanted


class MisunderstandsCollectionGroups(MemorySource):
    def wants(self, projection, path):
        return projection is None or (projection.wants(path) and path.count("/") == 1)


class PromisesAnotherCount(MemorySource):
    def info(self):
        return SourceInfo(kind="memory", documents=len(self.documents) + 1)


class GivesDeadLetters(MemorySource):
    def batch(self, batch):
        return [DeadLetter("document:x", "bad-document: no")]


class SpeaksOfTime(MemorySource):
    def batch(self, batch):
        return [change._replace(version=(10**15, 0)) for change in batch]


CAUGHT_BY = {
    LosesTheLastPartition: "test_every_document_is_given_once",
    GivesPartitionsTwice: "test_partitions_are_stable",
    RenamesItsPartitions: "test_partitions_are_stable",
    ResumesTooLate: "test_a_reader_goes_on_where_another_stopped",
    ResumesTooEarly: "test_a_reader_goes_on_where_another_stopped",
    ReadsIntegersAsDoubles: "test_values_keep_their_types",
    LosesEmptyArrays: "test_values_keep_their_types",
    CountsOnlyWhatIsWanted: "test_counts_are_right_whatever_is_wanted",
    MisunderstandsCollectionGroups: "test_a_projection_gives_what_a_filter_would",
    PromisesAnotherCount: "test_counts_are_right_whatever_is_wanted",
    GivesDeadLetters: "test_every_document_is_given_once",
    SpeaksOfTime: "test_documents_rank_below_events",
}


@pytest.mark.parametrize("broken", CAUGHT_BY, ids=lambda source: source.__name__)
def test_the_suite_catches(broken):
    class Suite(SourceSuite):
        def create_source(self, documents):
            return broken(documents)

    with pytest.raises(AssertionError):
        getattr(Suite(), CAUGHT_BY[broken])()
