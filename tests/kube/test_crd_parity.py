"""Hundreds of generated objects: `sealgate check` and the API server's own checks come to the same
verdict, about the same field, in the same words."""

import copy
import json
import random
import re
import subprocess

import pytest
import yaml

from api_server import BIN, CRDS
from kit.gateway import BINARY, environment
from kit.servers import ROOT

SAMPLES = ROOT / "crates" / "sealgate-config" / "src" / "schema" / "samples.yaml"
KINDS = ("MCPRoute", "Backend", "BackendSecurityPolicy")
# What the API server looks at; the rest (references, listeners, …) only we can say.
SCHEMA_CODES = {
    "duplicate", "ip", "out-of-range", "pattern", "required", "rule", "too-few", "too-long", "too-many", "too-short",
    "unsupported-value", "wrong-type", "header-name", "empty-secret",
}
# We are stricter: an object that passes the API server is refused here, on purpose.
STRICTER = {"header-name", "empty-secret"}


def seeds():
    """Good objects that together have every field."""
    for thing in yaml.safe_load_all(SAMPLES.read_text()):
        if thing and thing["kind"] in KINDS:
            if thing["kind"] == "Backend":
                # `fqdn` does not mix with the others, and neither do the ways to trust.
                thing["spec"]["tls"] = {"wellKnownCACertificates": "System"}
            if thing["metadata"]["name"] == "addresses":
                thing["spec"]["endpoints"].append({"unix": {"path": "/x"}, "zone": "a"})
            # An extension that is not published yet.
            for reference in thing["spec"].get("backendRefs", []):
                for header in reference.get("forwardHeaders", []):
                    header.pop("required", None)
            yield thing


def places(node, path=()):
    """Every path to a value below `spec`."""
    if path:
        yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in children:
        yield from places(value, (*path, key))


def at(node, path):
    for key in path:
        node = node[key]
    return node


def absent(parent, key, value):
    del parent[key]


def emptied(parent, key, value):
    parent[key] = type(value)() if isinstance(value, (dict, list, str)) else value


def retyped(parent, key, value):
    parent[key] = {"wrong": 1} if not isinstance(value, dict) else "wrong"


def numbered(parent, key, value):
    parent[key] = 12345678 if not isinstance(value, bool) else 1


def nothing(parent, key, value):
    parent[key] = -1 if isinstance(value, int) else "Not One Of Them!"


def long(parent, key, value):
    if isinstance(value, str):
        parent[key] = "a" * 5000
    elif isinstance(value, list):
        parent[key] = [copy.deepcopy(value[0]) for _ in range(300)] if value else value


def doubled(parent, key, value):
    if isinstance(value, list) and value:
        parent[key] = [copy.deepcopy(value[0]), copy.deepcopy(value[0])]


MUTATIONS = [absent, emptied, retyped, numbered, nothing, long, doubled]


def objects():
    """Each with a name of its own and a word for what was done to it."""
    number = 0
    for seed in seeds():
        for path in [(), *places(seed["spec"])]:
            for mutation in MUTATIONS if path else [lambda *_: None]:
                thing = copy.deepcopy(seed)
                if path:
                    parent = at(thing["spec"], path[:-1])
                    mutation(parent, path[-1], parent[path[-1]])
                if path and thing == seed:
                    continue
                number += 1
                thing["metadata"] = {"name": f"n{number}", "namespace": "default"}
                yield f"{mutation.__name__} {thing['kind']} {'.'.join(map(str, path))}", thing
    yield from pairs(number)


def pairs(number):
    """Two mutations at once, drawn from a fixed seed."""
    draw = random.Random(20251125)
    found = list(seeds())
    for _ in range(300):
        thing = copy.deepcopy(draw.choice(found))
        done = []
        for _ in range(2):
            path = draw.choice(list(places(thing["spec"])) or [()])
            if path:
                mutation = draw.choice(MUTATIONS)
                parent = at(thing["spec"], path[:-1])
                mutation(parent, path[-1], parent[path[-1]])
                done.append(f"{mutation.__name__} {'.'.join(map(str, path))}")
        number += 1
        thing["metadata"] = {"name": f"n{number}", "namespace": "default"}
        yield f"{thing['kind']} {' and '.join(done)}", thing


def dumped(made):
    return yaml.dump_all([thing for _, thing in made], Dumper=yaml.CSafeDumper)


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """What was done, the object, what the API server says and what we say."""
    made = list(objects())
    file = tmp_path_factory.mktemp("parity") / "objects.yaml"
    file.write_text(dumped(made))
    crds = ",".join(map(str, sorted(CRDS.glob("*.yaml"))))
    theirs = {}
    done = subprocess.run([BIN / "crdcheck", "-crd", crds, "-obj", file], capture_output=True, text=True, timeout=120)
    for line in done.stdout.splitlines():
        said = json.loads(line)
        if said["check"] == "object":
            theirs[said["subject"].rsplit("/", 1)[1]] = said.get("errors", [])
    ours = {}
    # In parts, since findings are bounded.
    for start in range(0, len(made), 40):
        file.write_text(dumped(made[start:start + 40]))
        done = subprocess.run([BINARY, "check", "--json", file], env=environment(), capture_output=True, text=True, timeout=120)
        for finding in json.loads(done.stdout)["findings"]:
            if finding["severity"] == "error" and finding["code"] in SCHEMA_CODES:
                ours.setdefault(finding["place"]["resource"].rsplit("/", 1)[1], []).append(finding)
    assert len(theirs) == len(made)
    return [(what, thing, theirs[thing["metadata"]["name"]], ours.get(thing["metadata"]["name"], [])) for what, thing in made]


def test_the_verdicts_are_the_same(generated):
    differ = [
        (what, [error["msg"][:160] for error in theirs], [finding["message"][:160] for finding in ours])
        for what, _, theirs, ours in generated
        if bool(theirs) != bool([it for it in ours if theirs or it["code"] not in STRICTER])
    ]
    valid = sum(not theirs for _, _, theirs, _ in generated)
    print(f"{len(generated)} objects, {valid} of them valid")
    assert len(generated) > 500 and valid > 50
    assert differ == [], f"{len(differ)} differ:\n" + "\n".join(map(str, differ[:40]))


def words(message):
    """A message without the value that it quotes, which differs between API server versions."""
    # Of a format (int32, uri) the API server says its name and not the type of the value.
    message = re.sub(r"must be of type .*", "must be of type …", message, flags=re.S)
    return re.sub(r'(Invalid|Unsupported) value: (?:"(?:[^"\\]|\\.)*"|\S+): ', r"\1 value: ", message)


def test_what_we_say_the_api_server_says(generated):
    differ = []
    for what, _, theirs, ours in generated:
        said = {words(error["msg"]) for error in theirs}
        extra = [words(it["message"]) for it in ours if it["code"] not in STRICTER and words(it["message"]) not in said]
        if theirs and extra:
            differ.append((what, [text[:200] for text in extra], sorted(text[:200] for text in said)))
    assert differ == [], f"{len(differ)} differ:\n" + "\n".join(map(str, differ[:40]))
