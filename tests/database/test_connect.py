from __future__ import annotations

import pytest

from onto_flow.core.errors import UsageError
from onto_flow.database.connect import open_database


def test_a_uri_names_a_database_and_its_options(tmp_path):
    database = open_database(f"sqlite:{tmp_path / 'a.sqlite'}?keep_days=2&synchronous=off")
    assert not database.get("a/b").exists
    database.close()


@pytest.mark.parametrize(
    "uri", ["app.sqlite", "sqlite:", "mysql:x", "sqlite:x?clock=1", "sqlite:x?create=1", "sqlite:x?keep_days=x"]
)
def test_what_is_no_uri_of_a_database_is_refused(uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        open_database(uri)
    assert list(tmp_path.iterdir()) == []
