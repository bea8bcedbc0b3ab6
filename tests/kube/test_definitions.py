"""The definitions that `sealgate crds` prints, held against the API server's own checks: structural
schemas, CEL and its cost, and the published messages."""

import json
import subprocess

import pytest
import yaml

from api_server import BIN, CRDS
from kit import resources
from kit.gateway import BINARY
from kit.servers import ROOT


def crdcheck(tmp_path, *objects):
    """Each object's check as the API server would do it."""
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    argv = [BIN / "crdcheck", "-crd", ",".join(map(str, sorted(CRDS.glob("*.yaml"))))]
    done = subprocess.run([*argv, "-obj", file], capture_output=True, text=True, timeout=60)
    assert done.stderr == "", done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def ours(tmp_path, thing):
    """What `sealgate check` says of the same object: its errors."""
    file = tmp_path / "object.yaml"
    file.write_text(yaml.safe_dump(thing))
    done = subprocess.run([BINARY, "check", "--json", file], capture_output=True, text=True, timeout=60)
    return [it["message"] for it in json.loads(done.stdout)["findings"] if it["severity"] == "error"]


def route(*references, version="v1beta1", **spec):
    made = resources.route("test", *(references or [resources.reference("one")]), **spec)
    made["metadata"]["namespace"] = "default"
    made["apiVersion"] = f"aigateway.envoyproxy.io/{version}"
    return made


def one(**more):
    return resources.reference("one", **more)


def secured(**policy):
    return route(securityPolicy=policy)


METADATA = {"protectedResourceMetadata": {"resource": "https://mcp.example.com/mcp"}}
OAUTH = {"issuer": "https://auth.example.com", **METADATA}
REMOTE, LOCAL = {"uri": "https://auth.example.com/jwks"}, {"type": "Inline", "inline": "{}"}


def jwt(**source):
    return {"rules": [{"source": {"jwt": source}}]}


TOOLS = "spec.backendRefs[0].toolSelector"
KEY = "spec.backendRefs[0].securityPolicy.apiKey"
# The published cases: what is applied, where it is wrong, and the message.
REFUSED = {
    "same_backend_names": (route(one(), one()), "spec.backendRefs", "all backendRefs names must be unique"),
    "parent_refs_invalid_kind": (
        route(parentRefs=[{"kind": "Service", "name": "x"}]), "spec.parentRefs", "only Gateway is supported"),
    "tool_selector_missing": (
        route(one(toolSelector={})), TOOLS,
        "at least one of include, includeRegex, exclude, or excludeRegex must be specified"),
    "tool_selector_both": (
        route(one(toolSelector={"include": ["a"], "includeRegex": ["b"]})), TOOLS,
        "include and includeRegex are mutually exclusive"),
    "tool_selector_exclude_both": (
        route(one(toolSelector={"exclude": ["a"], "excludeRegex": ["b"]})), TOOLS,
        "exclude and excludeRegex are mutually exclusive"),
    "backend_api_key_inline_and_secret": (
        route(one(security={"apiKey": {"inline": "x", "secretRef": {"name": "y"}}})), KEY,
        "exactly one of secretRef or inline must be set"),
    "backend_api_key_missing": (
        route(one(security={"apiKey": {"header": "x"}})), KEY, "exactly one of secretRef or inline must be set"),
    "backend_api_key_both_header_and_query": (
        route(one(security={"apiKey": {"inline": "x", "header": "a", "queryParam": "b"}})), KEY,
        "only one of header or queryParam can be set"),
    "backend_api_key_and_aws_credentials": (
        route(one(security={"apiKey": {"inline": "x"}, "awsCredentials": {"region": "us-east-1"}})),
        "spec.backendRefs[0].securityPolicy", "only one of apiKey or awsCredentials can be set"),
    "jwks_missing": (
        secured(oauth={**OAUTH, "jwks": {}}), "spec.securityPolicy.oauth.jwks",
        "either remoteJWKS or localJWKS must be specified."),
    "jwks_both": (
        secured(oauth={**OAUTH, "jwks": {"remoteJWKS": REMOTE, "localJWKS": LOCAL}}),
        "spec.securityPolicy.oauth.jwks", "remoteJWKS and localJWKS cannot both be specified."),
    "jwks_local_type": (
        secured(oauth={**OAUTH, "jwks": {"localJWKS": {"type": "ValueRef", "inline": "{}"}}}),
        "spec.securityPolicy.oauth.jwks.localJWKS",
        "Exactly one of inline or valueRef must be set with correct type."),
    "authorization_with_jwt_without_oauth": (
        secured(authorization=jwt(scopes=["a"])), "spec.securityPolicy",
        "oauth must be configured when any authorization rule uses a jwt source"),
    "authorization_claim_scope_reserved": (
        secured(oauth=OAUTH, authorization=jwt(claims=[{"name": "scope", "values": ["a"]}])),
        "spec.securityPolicy.authorization.rules[0].source.jwt.claims",
        "'scope' claim name is reserved for OAuth scopes"),
    "authorization_jwt_missing_scopes_and_claims": (
        secured(oauth=OAUTH, authorization=jwt(scopes=[])),
        "spec.securityPolicy.authorization.rules[0].source.jwt", "either scopes or claims must be specified"),
    "ext_auth_missing": (
        secured(extAuth={}), "spec.securityPolicy.extAuth", "one of grpc or http must be specified"),
    "service_without_port": (
        route({"name": "one"}), "spec.backendRefs[0]", "Must have port for Service reference"),
    "aws_without_region": (
        route(one(security={"awsCredentials": {"service": "x"}})),
        "spec.backendRefs[0].securityPolicy.awsCredentials.region", "Required value"),
    "aws_file_and_identity": (
        route(one(security={"awsCredentials": {
            "region": "us-east-1", "identityRef": {"name": "x"},
            "credentialsFile": {"secretRef": {"name": "y"}}}})),
        "spec.backendRefs[0].securityPolicy.awsCredentials",
        "only one of credentialsFile or identityRef can be set"),
    "no_parents": (route(parentRefs=[]), "spec.parentRefs", "spec.parentRefs in body should have at least 1 items"),
    "bad_hostname": (route(hostnames=["Example.com"]), "spec.hostnames[0]", "should match"),
    "port_out_of_range": (
        route({"name": "one", "port": 70000}), "spec.backendRefs[0].port", "less than or equal to 65535"),
    "duplicate_header": (
        route(headers=[{"name": "x", "value": "1"}, {"name": "x", "value": "2"}]), "spec.headers[1]", "Duplicate value"),
    "bad_action": (
        secured(authorization={"defaultAction": "Maybe"}), "spec.securityPolicy.authorization.defaultAction",
        'supported values: "Allow", "Deny"'),
}
ACCEPTED = {
    "basic": route(),
    "v1alpha1": route(version="v1alpha1"),
    "tool_selector_exclude": route(one(toolSelector={"exclude": ["a"]})),
    "tool_selector_exclude_regex": route(one(toolSelector={"excludeRegex": ["a"]})),
    "tool_selector_include_and_exclude": route(one(toolSelector={"include": ["a"], "exclude": ["b"]})),
    "empty_include": route(one(toolSelector={"include": []})),
    "authorization_without_jwt_source": secured(authorization={"rules": [{"cel": "true"}]}),
    "authorization_without_rules": secured(authorization={"defaultAction": "Allow"}),
    "backend_aws_credentials": route(one(security={"awsCredentials": {
        "region": "us-east-1", "service": "bedrock-agentcore", "mode": "ServiceIdentify",
        "credentialsFile": {"secretRef": {"name": "x"}, "profile": "default"}}})),
    "assume_role": route(one(security={"awsCredentials": {"region": "us-east-1", "assumeRole": {
        "roleArn": "arn:aws:iam::123456789012:role/x", "externalId": "abc", "sessionName": "a@b",
        "duration": "1h", "policyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"], "tags": {"team": "a"}}}})),
    "aws_in_v1alpha1": route(one(security={"awsCredentials": {"region": "us-east-1"}}), version="v1alpha1"),
    "prefix_mode": route(one(toolSelector={"include": ["a"]}, prefixMode="Never"), prefixMode="Always"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_published_as_invalid_is_refused_with_its_message(tmp_path, case):
    thing, field, message = REFUSED[case]
    *definitions, checked = crdcheck(tmp_path, thing)
    assert not checked["ok"], checked
    found = [error["msg"] for error in checked["errors"]]
    assert any(text.startswith(f"{field}:") and message in text for text in found), found
    said = ours(tmp_path, thing)
    assert any(field in text and message in text for text in said), said


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_is_published_as_valid_is_accepted(tmp_path, case):
    checked = crdcheck(tmp_path, ACCEPTED[case])
    assert all(check["ok"] for check in checked), checked
    assert "unknownFields" not in checked[-1], checked[-1]


def test_every_definition_is_structural_and_within_the_cost_limits(tmp_path):
    checked = crdcheck(tmp_path, *ACCEPTED.values())
    definitions = [check for check in checked if check["check"] == "crd"]
    assert len(definitions) == 3 and all(check["ok"] for check in definitions), definitions


def test_the_largest_route_stays_within_the_cost_limit(tmp_path):
    references = [
        resources.reference(f"backend-{index}", toolSelector={"includeRegex": ["x"] * 32})
        for index in range(256)
    ]
    assert crdcheck(tmp_path, route(*references))[-1]["ok"]


def test_the_binary_prints_what_is_checked_in():
    printed = subprocess.run([BINARY, "crds"], capture_output=True, text=True, timeout=60, check=True).stdout
    held = {file.name: yaml.safe_load(file.read_text()) for file in CRDS.glob("*.yaml")}
    found = {
        f"{it['spec']['group']}_{it['spec']['names']['plural']}.yaml": it for it in yaml.safe_load_all(printed)
    }
    assert found == held


def test_every_example_is_accepted(tmp_path):
    objects = []
    for file in sorted((ROOT / "examples").glob("*.yaml")):
        objects += [thing for thing in yaml.safe_load_all(file.read_text()) if thing]
    known = [thing for thing in objects if thing["kind"] in ("MCPRoute", "Backend", "BackendSecurityPolicy")]
    assert known
    checked = crdcheck(tmp_path, *known)
    assert all(check["ok"] and "unknownFields" not in check for check in checked), checked


BACKENDS = {
    "no endpoint": ({}, "one of fqdn, ip or unix must be specified"),
    "two at once": (
        {"fqdn": {"hostname": "a", "port": 1}, "unix": {"path": "/x"}},
        "only one of fqdn, ip or unix can be specified"),
    "long path": ({"unix": {"path": "/" * 109}}, "unix domain socket path must not exceed 108 characters"),
}


@pytest.mark.parametrize("case", BACKENDS)
def test_backends_are_checked(tmp_path, case):
    endpoint, message = BACKENDS[case]
    thing = resources.backend("x", 80)
    thing["spec"]["endpoints"] = [endpoint]
    checked = crdcheck(tmp_path, thing)[-1]
    assert not checked["ok"] and any(message in error["msg"] for error in checked["errors"]), checked


def test_mixed_endpoints_are_refused(tmp_path):
    thing = resources.backend("x", 80)
    thing["spec"]["endpoints"].append({"fqdn": {"hostname": "a", "port": 80}})
    checked = crdcheck(tmp_path, thing)[-1]
    assert any("fqdn endpoints can't be mixed with other types" in it["msg"] for it in checked["errors"]), checked


@pytest.mark.parametrize("address, good", [
    ("127.0.0.1", True), ("::1", True), ("fe80::1", True), ("2001:db8::8a2e:370:7334", True),
    ("256.0.0.1", False), ("example", False),
])
def test_addresses_are_checked(tmp_path, address, good):
    thing = resources.backend("x", 80)
    thing["spec"]["endpoints"][0]["ip"]["address"] = address
    assert crdcheck(tmp_path, thing)[-1]["ok"] is good


def test_a_policy_of_another_type_is_refused_with_its_message(tmp_path):
    thing = {
        "apiVersion": "aigateway.envoyproxy.io/v1beta1", "kind": "BackendSecurityPolicy",
        "metadata": {"name": "x", "namespace": "default"},
        "spec": {"type": "AWSCredentials", "apiKey": {"secretRef": {"name": "x"}}},
    }
    checked = crdcheck(tmp_path, thing)[-1]
    message = "When type is AWSCredentials, only awsCredentials field should be set"
    assert any(message in error["msg"] for error in checked["errors"]), checked
