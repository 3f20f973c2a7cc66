"""URIs of PostgreSQL, and that nothing secret is ever shown."""

from __future__ import annotations

import pickle
import traceback
from urllib.parse import quote

import psycopg
import pytest
from postgresql_place import TABLE, change
from psycopg.conninfo import conninfo_to_dict

from onto_flow.connect import open_sink, open_source
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.sinks.postgresql import PostgresSink
from onto_flow.sinks.postgresql.connection import Database

SECRET = "ge:h?ei%m&+ä"


def parts(uri):
    return conninfo_to_dict(Database(uri)._conninfo)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("postgresql://ada@db:5433/shop", {"user": "ada", "host": "db", "port": "5433", "dbname": "shop"}),
        ("postgres://db", {"host": "db"}),
        ("postgresql:///x?host=@/pg", {"host": "@/pg"}),
        ("postgresql:///shop?host=/run/pg&user=a%20b", {"host": "/run/pg", "user": "a b", "dbname": "shop"}),
        ("postgresql://a,b:1/x?target_session_attrs=any", {"host": "a,b", "port": ",1", "target_session_attrs": "any"}),
        ("postgresql://[::1]:7/x", {"host": "::1", "port": "7"}),
        ("postgresql://ada:p?schema=w@db/x", {"password": "p?schema=w", "host": "db"}),
        ("postgresql://db/x?password=a+b&schema=s", {"password": "a+b"}),
        (
            "postgresql://db/x?sslmode=verify-full&sslrootcert=/ca.pem&sslcert=c&sslkey=k",
            {"sslmode": "verify-full", "sslrootcert": "/ca.pem", "sslcert": "c", "sslkey": "k"},
        ),
        ("postgresql://db/x?ssl=true", {"sslmode": "require"}),
        (
            "postgresql://db/x?connect_timeout=3&options=-c%20search_path%3Da",
            {"connect_timeout": "3", "options": "-c search_path=a"},
        ),
        (
            "postgresql://db/x",
            {"connect_timeout": "10", "fallback_application_name": "onto-flow", "client_encoding": "UTF8"},
        ),
    ],
)
def test_what_libpq_understands_is_passed_on(uri, expected):
    found = parts(uri)
    assert {name: found.get(name) for name in expected} == expected


def test_the_schema_is_ours():
    assert Database("postgresql://db/x?schema=a%25%20b&sslmode=require").schema == "a% b"
    assert Database("postgresql://db/x").schema == ""


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("postgresql:ada:geheim@db/x", "wrong-usage"),
        ("postgresql://ada:geheim@db:port/x?port=geheim%zz", "wrong-usage"),
        ("postgresql://ada:%zzgeheim@db/x", "wrong-usage"),
        ("postgresql://ada:geheim@[db/x", "wrong-usage"),
        ("postgresql://ada:x@geheim@db/x", "wrong-usage"),
        ("postgresql://ada:x/?geheim=1@db/x", "wrong-usage"),
        ("postgresql://ada:x/y?geheim@db/x", "wrong-usage"),
        ("postgresql://ada:geheim@db/x?pasword=geheim", "unknown-name"),
        ("postgress://ada:geheim@db/x?password=geheim", "wrong-usage"),
    ],
)
def test_a_uri_that_is_wrong_is_one_clear_error_without_its_secrets(uri, code):
    with pytest.raises(UsageError) as caught:
        open_sink(uri)
    assert caught.value.code == code
    assert "geheim" not in "".join(traceback.format_exception(caught.value))


def test_an_unknown_option_is_told_with_the_nearest():
    with pytest.raises(UsageError, match=r"(?s)no option 'sslmod'.*Did you mean sslmode\?"):
        open_sink("postgresql://db/x?sslmod=require")


def test_postgresql_is_no_source():
    with pytest.raises(UsageError, match="there is no source 'postgresql'") as caught:
        open_source("postgresql://ada:geheim@db/x")
    assert "geheim" not in str(caught.value)


@pytest.fixture(scope="module")
def guarded(postgresql):
    """The URI, without password, of a role that needs one."""
    with psycopg.connect(postgresql, autocommit=True) as admin:
        admin.execute("CREATE ROLE ada LOGIN")
        admin.execute(psycopg.sql.SQL("ALTER ROLE ada PASSWORD {}").format(SECRET))
        admin.execute("CREATE SCHEMA AUTHORIZATION ada")
    return postgresql.replace("onto_flow@", "ada@")


@pytest.mark.parametrize("form", ["ada:{}@", "ada@&password={}"])
def test_a_password_is_taken_and_never_shown(guarded, form):
    place, _, query = form.partition("&")
    place = guarded.replace("ada@", place.format(quote(SECRET, safe="")))
    right = f"{place}&{query.format(quote(SECRET, safe=''))}"
    sink = PostgresSink(right)
    sink.open([TABLE], 1)
    sink.write([change("rooms/a", 1)])
    sink.publish()
    sink.close()
    assert SECRET not in f"{sink!r} {sink._database!r} {sink._database.shown}"
    wrong = PostgresSink(right.replace(quote("ä"), "a"))
    with pytest.raises(EngineError, match='password authentication failed for user "ada"') as caught:
        wrong.open([TABLE], 1)
    shown = "".join(traceback.format_exception(caught.value))
    assert "ge:h" not in shown and quote("ge:h", safe="") not in shown
    assert b"ge:h" not in pickle.dumps(caught.value)


@pytest.mark.parametrize("given", ["URI", "environment"])
def test_a_secret_that_the_server_repeats_is_hidden(postgresql, monkeypatch, given):
    place = postgresql.replace("/postgres?", "/nowhere?")
    if given == "environment":
        monkeypatch.setenv("PGPASSWORD", "nowhere")
    else:
        place += "&password=nowhere"
    with pytest.raises(EngineError, match=r'database "\(hidden\)" does not exist') as caught:
        PostgresSink(place).open([TABLE], 1)
    assert 'database "nowhere"' not in "".join(traceback.format_exception(caught.value))


def test_a_server_that_is_not_there_is_one_clear_error(tmp_path):
    with pytest.raises(EngineError, match=r"(?s)\[sink-failed\] PostgreSQL: .*No such file.*at postgresql://ada@/"):
        PostgresSink(f"postgresql://ada@/x?host={tmp_path}").open([TABLE], 1)


def test_a_database_of_another_encoding_is_refused(postgresql):
    with psycopg.connect(postgresql, autocommit=True) as admin:
        admin.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(EngineError, match="its encoding is LATIN1, not UTF8"):
        PostgresSink(postgresql.replace("/postgres?", "/latin?")).open([TABLE], 1)


def test_a_search_path_that_leads_nowhere_is_told(postgresql):
    with pytest.raises(EngineError, match="the search path names no schema that exists"):
        PostgresSink(f"{postgresql}&options=-c%20search_path%3Dnowhere").open([TABLE], 1)


def test_a_role_that_may_not_make_tables_is_told(guarded):
    uri = guarded.replace("ada@", f"ada:{quote(SECRET, safe='')}@")
    with pytest.raises(EngineError, match="permission denied for database"):
        PostgresSink(f"{uri}&schema=new").open([TABLE], 1)
