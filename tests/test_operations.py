"""What an operator sees and does: health, metrics, one log line a request, a drained shutdown."""

import threading

import pytest
from prometheus_client import parser as prometheus
from prometheus_client.openmetrics import parser as openmetrics

from kit.http import exchange
from kit.process import eventually
from kit.scripted import Gate, ScriptedServer


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def server(ending, gate):
    return ending(ScriptedServer({"echo": lambda arguments: "echoed", "hold": gate}))


@pytest.fixture
def running(gateway, server):
    return gateway(f"http://{server.authority}/mcp")


@pytest.mark.parametrize("target", ["/healthz", "/readyz", "/readyz?verbose"])
def test_a_running_gateway_is_healthy_and_ready(running, target):
    assert running.admin(target).status == 200


def scrape(running):
    answer = running.admin("/metrics")
    assert answer.status == 200
    format = openmetrics if "openmetrics" in answer.headers["content-type"] else prometheus
    return list(format.text_string_to_metric_families(answer.body.decode()))


def test_metrics_parse_and_count_the_calls(running):
    client = running.opened()
    before = total(scrape(running), "tools/call")
    for _ in range(3):
        client.call("echo")
    assert eventually(lambda: total(scrape(running), "tools/call") == before + 3, what="three more calls")


def total(families, method):
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name.endswith("_total") and sample.labels.get("method") == method
    )


def test_a_made_up_method_does_not_make_up_a_metric(running):
    client = running.opened()
    for at in range(50):
        client.post({"jsonrpc": "2.0", "id": at, "method": f"made/up{at}"}).body
    assert "made/up" not in running.admin("/metrics").body.decode()


def test_every_metric_has_help_and_a_name_of_ours(running):
    running.opened().call("echo")
    for family in scrape(running):
        assert family.documentation, family.name
        assert family.name.startswith(("sealgate_", "mcp_", "process_")), family.name


def test_one_log_line_a_request(running):
    client = running.opened()
    start = len(running.process.lines)
    client.call("echo", {"a": 1})
    record = running.logged(lambda record: record.get("method") == "tools/call", start=start)
    assert record["tool"] == "echo"
    assert record["route"] and record["backend"]
    assert int(record["status"]) == 200
    assert float(record.get("duration_ms", record.get("duration", record.get("duration_us", -1)))) >= 0
    assert any("bytes" in field for field in record)
    client.request("ping")
    running.logged(lambda record: record.get("method") == "ping", start=start)
    assert len([one for one in running.records() if one.get("method") == "tools/call"]) == 1


def test_arguments_and_answers_are_not_logged(running):
    client = running.opened()
    client.call("echo", {"secret": "of-the-arguments"})
    running.logged(lambda record: record.get("method") == "tools/call")
    assert "of-the-arguments" not in running.process.output()
    assert client.session_id not in running.process.output()


def test_sigterm_lets_a_call_in_flight_finish(running, gate):
    client = running.opened()
    answers = []
    call = threading.Thread(target=lambda: answers.append(client.text("hold")))
    call.start()
    assert gate.entered.wait(10)
    start = len(running.process.lines)
    running.terminate()
    running.logged(lambda record: "drain" in str(record).lower() or "shut" in str(record).lower(), start=start)
    gate.release()
    call.join(10)
    assert answers == ["let go"]
    assert running.process.wait() == 0


def test_a_draining_gateway_takes_no_new_connections_and_is_not_ready(running, gate):
    client = running.opened()
    call = threading.Thread(target=lambda: client.call("hold"), daemon=True)
    call.start()
    assert gate.entered.wait(10)
    running.terminate()

    def refused():
        try:
            return running.admin("/readyz").status == 503
        except OSError:
            return True

    eventually(refused, what="not ready")
    gate.release()
    call.join(10)
    assert running.process.wait() == 0


def test_an_idle_gateway_ends_at_once_though_a_client_listens(gateway, everything):
    """An open GET stream is no reason to stay: its client reconnects elsewhere."""
    running = gateway(everything.url)
    stream = running.opened().listen()
    assert stream.status == 200
    running.terminate()
    assert running.process.wait(deadline=10) == 0


def test_a_second_gateway_on_the_same_port_says_so(gateway, running, server):
    from kit.process import Died

    with pytest.raises(Died) as died:
        gateway(f"http://{server.authority}/mcp", listen=running.authority)
    assert running.authority in str(died.value)


def test_the_admin_address_serves_no_mcp(running):
    assert exchange(running.addresses["admin"], "POST", "/mcp", {}, b"{}").status in (404, 405)
