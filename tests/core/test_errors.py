import pickle

import pytest

from onto_flow.core.errors import DataError, MissingDocument, SourceLine, did_you_mean
from onto_flow.core.registry import Entry, load


def test_an_error_travels_between_processes():
    error = pickle.loads(pickle.dumps(DataError("bad-key", "no", where="here", fix="do this")))
    assert (error.code, error.what, error.where, error.fix) == ("bad-key", "no", "here", "do this")
    assert str(error) == "[bad-key] no\n  at here\n  do this"
    assert pickle.loads(pickle.dumps(MissingDocument("a/b"))).path == "a/b"


def test_a_caller_is_remembered_by_its_line():
    def declare():
        return SourceLine.of_caller()

    line = declare()  # this very line
    assert line.text.endswith("# this very line") and line.file == __file__


def test_the_nearest_name_is_named():
    assert did_you_mean("parqet", ["parquet", "jsonl"]) == "Did you mean parquet? Known: jsonl, parquet."


def test_a_missing_package_gives_the_line_that_installs_it():
    with pytest.raises(Exception, match=r"pip install 'onto-flow\[thing\]'"):
        load("sink", "x", {"x": Entry("no_such_package_at_all:Thing", "thing")})


def test_an_unknown_name_gives_the_known_ones():
    with pytest.raises(Exception, match="there is no sink 'y'"):
        load("sink", "y", {"x": Entry("a:b")})
