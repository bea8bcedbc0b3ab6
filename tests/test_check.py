"""`sealgate check` for people, editors and CI, and the JSON Schema of what it checks."""

import json
import subprocess

import jsonschema
import pytest
import yaml

from kit import resources
from kit.gateway import BINARY, environment
from kit.servers import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.[yj]*"))


def run(*arguments, env=None):
    return subprocess.run(
        [BINARY, *map(str, arguments)],
        env=environment(env), capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
    )


def written(folder, *, path="/mcp", **more):
    return resources.write(
        folder / "route.yaml",
        resources.backend("one", 9),
        resources.route("r", resources.reference("one"), path=path, **more),
    )


def test_json_is_one_object_of_a_known_shape(tmp_path):
    done = run("check", "--json", written(tmp_path, path="wrong", pathh="/x"))
    assert done.returncode == 1 and done.stderr == ""
    said = json.loads(done.stdout)
    assert (said["valid"], said["errors"], said["warnings"]) == (False, 1, 1), said
    assert said["routes"] == [] and said["summary"] == "nothing can be served\n"
    lines = [finding["place"]["line"] for finding in said["findings"]]
    assert lines == sorted(lines)
    wrong = next(finding for finding in said["findings"] if finding["code"] == "path")
    assert wrong["severity"] == "error" and wrong["message"].startswith("spec.path: Invalid value")
    assert wrong["place"]["file"].endswith("route.yaml")
    assert (wrong["place"]["resource"], wrong["place"]["field"]) == ("MCPRoute default/r", "spec.path")
    typo = next(finding for finding in said["findings"] if finding["code"] == "unknown-field")
    assert typo["severity"] == "warning" and typo["help"] == 'did you mean "path"?'


def test_json_of_a_good_source_says_what_is_served(tmp_path):
    done = run("check", "--json", written(tmp_path))
    assert done.returncode == 0
    said = json.loads(done.stdout)
    (route,) = said["routes"]
    assert said["valid"] and route["name"] == "default/r" and route["path"] == "/mcp"
    assert route["backends"] == [{"name": "one", "url": "http://127.0.0.1:9/mcp", "credential": "none"}]
    assert route["listeners"][0]["address"] == "127.0.0.1:1975"


def test_strict_takes_warnings_for_errors(tmp_path):
    file = written(tmp_path, pathh="/x")
    assert run("check", file).returncode == 0
    done = run("check", "--strict", file)
    assert done.returncode == 1 and "unknown field" in done.stderr


def test_a_wrong_command_line_has_a_status_of_its_own():
    assert run("check").returncode == 2
    assert run("check", "--colour", "x").returncode == 2


@pytest.mark.parametrize("arguments, env, coloured", [
    ([], None, False),
    (["--color", "always"], None, True),
    (["--color", "always"], {"NO_COLOR": "1"}, True),
    (["--color", "never"], None, False),
])
def test_colour_is_for_whoever_wants_it(tmp_path, arguments, env, coloured):
    done = run("check", *arguments, written(tmp_path, path="wrong"), env=env)
    assert ("\x1b[" in done.stderr) is coloured
    assert "1 error" in done.stderr


# --- the schema --------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def schema():
    found = json.loads(run("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


def test_the_schema_that_is_checked_in_is_the_one_that_is_printed(schema):
    assert json.loads((ROOT / "docs" / "schema" / "sealgate.json").read_text()) == schema.schema


def fields(schema, path=""):
    """Every field that the schema names, with what it says of it."""
    for choice in schema.get("anyOf", [schema]):
        for name, field in choice.get("properties", {}).items():
            yield f"{path}.{name}", field.get("description", "")
            yield from fields(field, f"{path}.{name}")
        if "items" in choice:
            yield from fields(choice["items"], f"{path}[]")
        if isinstance(choice.get("additionalProperties"), dict):
            yield from fields(choice["additionalProperties"], f"{path}.*")


def test_every_field_of_the_schema_is_described(schema):
    told = {f"{kind}{path}": text for kind, of in schema.schema["$defs"].items() for path, text in fields(of)}
    assert [path for path, text in told.items() if not text] == []
    assert "Which of its tools" in told["MCPRoute.spec.backendRefs[].toolSelector"]
    assert "subjectAltNames" in told["BackendTLSPolicy.spec.validation.hostname"]


def of(file):
    text = file.read_text()
    return [json.loads(text)] if file.suffix == ".json" else [one for one in yaml.safe_load_all(text) if one]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_every_example_fits_the_schema(schema, file):
    assert of(file)
    for document in of(file):
        errors = [f"{error.json_path}: {error.message}" for error in schema.iter_errors(document)]
        assert errors == []


def mcp(**server):
    return {"mcpServers": {"x": server}}


def route(**spec):
    return resources.route("r", resources.reference("one"), **spec)


MISTAKES = {
    "a field that does not exist": route(hostname="x"),
    "a word that is none of them": route(prefixMode="Sometimes"),
    "no backend": {**route(), "spec": {"parentRefs": [{"name": "g"}]}},
    "a port out of range": resources.route("r", {"name": "one", "port": 70000}),
    "text for a number": resources.route("r", {"name": "one", "port": "http"}),
    "another version": {**route(), "apiVersion": "aigateway.envoyproxy.io/v2"},
    "a server without url": mcp(type="http"),
    "a header that is no text": mcp(url="http://x/", headers={"a": 1}),
    "half a region": mcp(url="http://x/", aws={"region": ""}),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_do_not_fit_the_schema(schema, mistake):
    assert list(schema.iter_errors(MISTAKES[mistake])), mistake


@pytest.mark.parametrize("good", [
    resources.route("r", {"name": "one", "port": "${PORT}"}),
    route(prefixMode="${MODE:-Always}"),
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "anything": [1]},
    mcp(url="http://x/", aws=True),
    mcp(url="http://x/", aws={"assumeRole": "arn:aws:iam::123456789012:role/x"}),
], ids=["a variable", "a variable for a word", "a foreign kind", "aws", "a bare role"])
def test_what_is_accepted_fits_the_schema(schema, good):
    assert [error.message for error in schema.iter_errors(good)] == []
