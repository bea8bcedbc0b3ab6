"""What `sealgate run` and `sealgate check` accept, and how they explain what they do not."""

import json
import re
import subprocess

import pytest

from kit import resources
from kit.gateway import BINARY, environment


@pytest.fixture
def check():
    """`check(SOURCE...)` runs `sealgate check`; gives (exit status, everything it printed)."""

    def run(*sources, env=None):
        assert BINARY.exists(), f"{BINARY} does not exist: run `cargo build --release` first"
        done = subprocess.run(
            [BINARY, "check", *map(str, sources)],
            env=environment(env), capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def good(folder, port=9):
    return resources.write(
        folder / "route.yaml",
        resources.backend("one", port),
        resources.route("good", resources.reference("one")),
    )


def test_a_directory_is_read_whole(gateway, notes, tmp_path):
    resources.write(tmp_path / "a.yaml", resources.backend("notes", notes.port))
    resources.write(tmp_path / "b.yaml", resources.route("r", resources.reference("notes")))
    (tmp_path / "ignored.txt").write_text("not: [a resource")
    assert "notes__add_note" in [tool["name"] for tool in gateway(tmp_path).opened().tools()]


def test_resources_may_be_json(gateway, notes, tmp_path):
    file = tmp_path / "route.json"
    documents = [resources.backend("notes", notes.port), resources.route("r", resources.reference("notes"))]
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))
    assert gateway(file).opened().tools()


def test_several_sources_are_served_together(gateway, notes, clock, tmp_path):
    first = resources.write(tmp_path / "a.yaml", resources.backend("notes", notes.port))
    second = resources.write(
        tmp_path / "b.yaml",
        resources.backend("clock", clock.port),
        resources.route("r", resources.reference("notes"), resources.reference("clock")),
    )
    assert len(gateway(first, second).opened().tools()) == 4


def test_a_gateway_resource_gives_the_listener(gateway, notes, tmp_path):
    from kit.process import free_port

    port = free_port()
    listener = {"name": "http", "protocol": "HTTP", "port": port}
    file = resources.write(
        tmp_path / "route.yaml",
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "sealgate"},
            "spec": {"gatewayClassName": "sealgate", "listeners": [listener]},
        },
        resources.backend("notes", notes.port),
        resources.route("r", resources.reference("notes")),
    )
    running = gateway(file)
    assert running.authority.endswith(f":{port}")
    assert running.opened().tools()


def test_check_of_a_good_source_says_what_would_be_served(check, tmp_path):
    status, said = check(good(tmp_path))
    assert status == 0, said
    assert "/mcp" in said and "one" in said


def test_check_of_an_aws_url_says_the_inferred_service_and_region(check):
    status, said = check("https://aws-mcp.us-east-1.api.aws/mcp")
    assert status == 0, said
    assert "aws-mcp" in said and "us-east-1" in said


BAD = {
    "a backend that does not exist": lambda: [resources.route("bad", resources.reference("nowhere"))],
    "both kinds of credentials": lambda: [
        resources.backend("two", 9),
        resources.route(
            "bad",
            resources.reference(
                "two", security={**resources.aws("us-east-1"), "apiKey": {"inline": "k"}}
            ),
        ),
    ],
    "a secret that does not exist": lambda: [
        resources.backend("two", 9),
        resources.route(
            "bad",
            resources.reference("two", security=resources.aws("us-east-1", "s", secret="absent")),
        ),
    ],
    "a region that is missing": lambda: [
        resources.backend("two", 9),
        resources.route("bad", resources.reference("two", security={"awsCredentials": {"service": "s"}})),
    ],
    "two selectors that exclude each other": lambda: [
        resources.backend("two", 9),
        resources.route(
            "bad", resources.reference("two", toolSelector={"include": ["a"], "includeRegex": ["b"]})
        ),
    ],
}


@pytest.mark.parametrize("mistake", BAD)
def test_check_names_file_line_and_field_of_a_mistake(check, tmp_path, mistake):
    good(tmp_path)
    resources.write(tmp_path / "bad.yaml", *BAD[mistake]())
    status, said = check(tmp_path)
    assert status == 1, said
    assert re.search(r"bad\.yaml:\d+", said), said
    assert "backendRefs[0]" in said, said


def test_one_bad_backend_is_left_out_and_its_neighbours_serve(gateway, notes, tmp_path):
    running = gateway(
        resources.write(
            tmp_path / "route.yaml",
            resources.backend("notes", notes.port),
            resources.route("r", resources.reference("nowhere"), resources.reference("notes")),
        )
    )
    names = [tool["name"] for tool in running.opened().tools()]
    assert names and all(name.startswith("notes__") for name in names)
    assert re.search(r"route\.yaml:\d+", running.process.output())


def test_one_bad_file_is_left_out_and_the_others_serve(gateway, notes, tmp_path):
    good(tmp_path, notes.port)
    (tmp_path / "broken.yaml").write_text("kind: MCPRoute\n  bad: [indent\n")
    assert gateway(tmp_path).opened().tools()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "kind: MCPRoute", "\x00\x01", "a: &a [*a]", '{"mcpServers": 5}', "- " * 5000]
)
def test_check_survives_any_text(check, tmp_path, text):
    file = tmp_path / "any.yaml"
    file.write_text(text)
    status, said = check(file)
    assert status in (0, 1) and "panicked" not in said


def test_check_of_a_file_that_does_not_exist_says_so(check, tmp_path):
    status, said = check(tmp_path / "absent.yaml")
    assert status != 0 and "absent.yaml" in said
