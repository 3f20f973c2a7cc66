"""Health and numbers by HTTP, on loopback, with a clock that the test moves."""

import re
import urllib.error
import urllib.request

import pytest

from onto_flow import ViewChange
from onto_flow.core.errors import UsageError
from onto_flow.core.gaps import Gaps
from onto_flow.engines.metrics import ALIVE_SECONDS, Metrics
from onto_flow.serve.health import address_of, health_server
from onto_flow.serve.prometheus import Exposition


class Clock:
    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def metrics(clock):
    return Metrics(clock=clock, wall=clock)


@pytest.fixture
def get(metrics):
    with health_server("127.0.0.1:0", metrics, Exposition(metrics)) as port:

        def get(path, method="GET"):
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read().decode()

        yield get


def test_a_job_is_healthy_while_it_shows_signs_of_life(get, metrics, clock):
    assert get("/healthz") == (200, "alive\n")
    clock.now += ALIVE_SECONDS + 1
    assert get("/healthz") == (503, "no sign of life\n")
    metrics.alive()
    assert get("/healthz") == (200, "alive\n")


def test_it_is_ready_once_its_tables_are_complete(get, metrics, clock):
    metrics.stage = "reading"
    assert get("/readyz") == (503, "reading\n")
    metrics.ready = True
    assert get("/readyz") == (200, "ready\n")
    clock.now += ALIVE_SECONDS + 1
    assert get("/readyz")[0] == 503


def test_nothing_else_is_served(get):
    assert get("/")[0] == get("/metrics/x")[0] == get("/../healthz")[0] == 404
    assert get("/healthz", "HEAD") == (200, "")
    assert get("/healthz", "POST")[0] == 501


def test_the_numbers_have_the_names_of_the_design(get, metrics, clock):
    metrics.heard(3, 990.0)
    changes = [
        ViewChange("Sessions", "s/1", None, {"a": 1}, (1, 0, 1)),
        ViewChange("Sessions", "s/1", {"a": 1}, {"a": 2}, (1, 0, 2)),
        ViewChange("Sessions", "s/2", {"a": 1}, None, (1, 0, 2)),
        ViewChange("Sessions", "s/3", None, {"a": 1}, (1, 0, 1)),
    ]
    metrics.wrote(changes, 990.0)
    metrics.operations = {"read": 7}
    metrics.counts_in(Gaps(), {("users", "age"): 3})
    clock.now += 5
    status, text = get("/metrics")
    samples = dict(re.findall(r"^(onto_flow_\S+) (\S+)$", text, re.MULTILINE))
    assert status == 200
    assert samples['onto_flow_writes_total{kind="create",view="Sessions"}'] == "2.0"
    assert samples['onto_flow_writes_total{kind="update",view="Sessions"}'] == "1.0"
    assert samples['onto_flow_writes_total{kind="delete",view="Sessions"}'] == "1.0"
    assert samples["onto_flow_changes_total"] == "3.0"
    assert samples['onto_flow_wrong_types_total{collection="users",field="age"}'] == "3.0"
    assert samples['onto_flow_operations_total{kind="read"}'] == "7.0"
    assert samples["onto_flow_feed_silent_seconds"] == "5.0"
    assert samples["onto_flow_oldest_unacked_seconds"] == "15.0"
    assert samples['onto_flow_freshness_seconds_bucket{le="5.0"}'] == "0.0"
    assert samples['onto_flow_freshness_seconds_bucket{le="10.0"}'] == "1.0"
    assert samples["onto_flow_freshness_seconds_count"] == "1.0"
    assert samples["onto_flow_freshness_seconds_sum"] == "10.0"
    assert {"onto_flow_gaps_open", "onto_flow_dead_letters", "onto_flow_state_bytes", "onto_flow_ready"} <= set(samples)
    assert "s/1" not in text, "labels never hold paths"


def test_acknowledged_changes_are_not_waiting(metrics, clock):
    metrics.heard(1, 980.0)
    metrics.heard(1, 970.0)
    assert metrics.oldest_unacked_seconds == 30.0
    metrics.acknowledged()
    assert metrics.oldest_unacked_seconds == 0.0


@pytest.mark.parametrize("place", ["", "localhost", "host:", "127.0.0.1:70000", "127.0.0.1:-1"])
def test_a_place_that_is_none_is_refused(place):
    with pytest.raises(UsageError, match="HOST:PORT"):
        address_of(place)


def test_a_port_that_is_taken_is_told(metrics):
    with health_server("127.0.0.1:0", metrics) as port:
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}"), health_server(str(port), metrics):
            pass
