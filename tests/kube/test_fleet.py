"""500 routes with 4 backends each: memory, time to serve, and quiet afterwards."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from api_server import until
from conftest import served
from kit import resources
from kit.process import eventually
from kit.scripted import ScriptedServer
from replica import key_from, secret, within

ROUTES, BACKENDS = 500, 4
MEMORY = 100 << 20
# What the chart requests for a replica, which has to hold the start too.
REQUESTED = 128 << 20


def resident(process):
    """Bytes of memory in use, and the most there ever was."""
    status = open(f"/proc/{process.pid}/status").read()
    found = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith("Vm")}
    return int(found["VmRSS"]) << 10, int(found["VmHWM"]) << 10


def processor_time(process):
    """Seconds of processor time since the start."""
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_five_hundred_routes(api, namespace, edge, port, start, between, ending):
    tools = ending(ScriptedServer())
    things = [within(namespace, secret(f"key-{number}", apiKey=f"k{number}")) for number in range(50)]
    for number in range(ROUTES):
        names = [f"backend-{number}-{index}" for index in range(BACKENDS)]
        things += [within(namespace, resources.backend(name, tools.port)) for name in names]
        references = [
            resources.reference(name, security=key_from(f"key-{number % 50}") if index == 0 else None)
            for index, name in enumerate(names)
        ]
        things.append(within(namespace, resources.route(f"route-{number}", *references, path=f"/r{number}")))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(api.create, [dict(thing) for thing in things]))

    began = time.monotonic()
    running = start(between, namespace).at(port)
    until(lambda: served(running.client("/r499")), 30, "the last route")
    print(f"started to served: {time.monotonic() - began:.2f} s")
    attached = lambda: sum(it["attachedRoutes"] for it in api.status(edge).get("listeners", []))
    eventually(lambda: attached() == ROUTES, deadline=60, what="all routes attached")
    routes = [thing for thing in things if thing["kind"] == "MCPRoute"]
    for route in routes:
        api.condition(route, "Accepted", "True", parent=0, deadline=60)
    print(f"started to every status written: {time.monotonic() - began:.2f} s")
    now, most = resident(running.process)
    print(f"memory: {now >> 20} MiB, at most {most >> 20} MiB; requests: {len(between.requests)}")

    # Settled: nothing is written, and next to nothing is done.
    eventually(quiet_for(between, 0.5), deadline=30, what="no more patches")
    patches, spent = between.count("PATCH"), processor_time(running.process)
    threading.Event().wait(3)
    assert between.count("PATCH") == patches
    print(f"three quiet seconds cost {processor_time(running.process) - spent:.2f} s of processor time")
    assert patches <= ROUTES * 2 + 10, "each status is written once, or twice when it came in parts"

    other = ending(ScriptedServer({"fresh": lambda arguments: "new"}))
    api.apply(within(namespace, resources.backend("backend-250-0", other.port)))
    changed = lambda: "backend-250-0__fresh" in {tool["name"] for tool in running.opened("/r250").tools()}
    took = until(changed, 3, "one change among 500 routes")
    print(f"one change among {ROUTES} routes, updated to served: {took * 1000:.0f} ms")

    for number in range(20):
        api.apply(within(namespace, resources.backend("backend-250-0", tools.port if number % 2 else other.port)))
    eventually(quiet_for(between, 0.5), deadline=30, what="no more patches")
    now, most = resident(running.process)
    print(f"memory after 21 changes: {now >> 20} MiB, at most {most >> 20} MiB")
    assert most < MEMORY
    assert took < 1


def test_two_thousand_backends_each_signed_with_keys_of_its_own(api, namespace, edge, port, start, between, ending):
    tools = ending(ScriptedServer())
    keys = "[default]\naws_access_key_id = AKIA{0:012}\naws_secret_access_key = secret-{0}\n".format
    things = []
    for number in range(ROUTES * BACKENDS):
        name = f"signed-{number}"
        things.append(within(namespace, secret(name, credentials=keys(number))))
        things.append(within(namespace, resources.backend(name, tools.port, hostname=f"{name}.example.com")))
    for number in range(ROUTES):
        names = [f"signed-{number * BACKENDS + index}" for index in range(BACKENDS)]
        signed = [resources.reference(name, security=resources.aws("us-east-1", "bedrock-agentcore", secret=name)) for name in names]
        things.append(within(namespace, resources.route(f"route-{number}", *signed, path=f"/r{number}")))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(api.create, [dict(thing) for thing in things]))

    began = time.monotonic()
    running = start(between, namespace).at(port)
    until(lambda: served(running.client("/r499")), 30, "the last route")
    print(f"2,000 signed backends, started to served: {time.monotonic() - began:.2f} s")
    tools.forget()
    assert running.opened("/r250").call("signed-1001__echo")
    (call,) = tools.seen("POST tools/call")
    assert "Credential=AKIA000000001001/" in call.header("authorization")

    eventually(quiet_for(between, 1), deadline=90, what="no more patches")
    spent = processor_time(running.process)
    threading.Event().wait(5)
    spent = processor_time(running.process) - spent
    now, most = resident(running.process)
    print(f"memory: {now >> 20} MiB, at most {most >> 20} MiB; five quiet seconds cost {spent:.2f} s of processor time")
    assert now < 100_000_000
    assert most < REQUESTED
    assert spent < 0.25, "nothing to do, and something is done"


def quiet_for(between, seconds):
    seen = {"count": -1, "since": 0.0}

    def check():
        count = between.count("PATCH")
        if count != seen["count"]:
            seen.update(count=count, since=time.monotonic())
        return time.monotonic() - seen["since"] > seconds

    return check
