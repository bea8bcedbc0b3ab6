"""Requests to sign, made up from a seed: the same seed gives the same requests everywhere."""

import random
import string

SEGMENTS = [
    "mcp",
    "runtimes",
    "invocations",
    "arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fmy_agent-x1",
    "arn%3aaws%3alower%2fcase",
    "arn:aws:raw:colons",
    "%E1%88%B4%20space",
    "a+b@c$d,e;f=g!h*i'j(k)",
    "tilde~dot.dash-under_",
    "ünïcødé",
    "..",
    ".",
    "",
]
WORDS = ["", "a", "B", "DEFAULT", "a+b", "a b", "a:b/c", "x=y", "ሴ", "ü", "~._-", "!*'()", "@,;$"]
HOSTS = [
    "bedrock-agentcore.us-east-1.amazonaws.com",
    "gw-1.gateway.bedrock-agentcore.eu-central-1.amazonaws.com",
    "aws-mcp.us-east-1.api.aws",
    "abc.lambda-url.us-west-2.on.aws",
    "internal.example.com:8443",
]
HEADERS = [
    "content-type",
    "mcp-session-id",
    "mcp-protocol-version",
    "mcp-method",
    "x-amz-target",
    "x-amz-user-agent",
    "x-amzn-bedrock-agentcore-runtime-session-id",
]
BODIES = [0, 1, 2, 63, 64, 65, 300, 1024, 5000]
BIG_BODIES = [65_536, 1_048_575, 1_048_576]


def _escaped(word, chance):
    """Some characters as escapes, in either case, whether they need it or not."""
    out = []
    for char in word:
        needs = char in " #&%?" or ord(char) < 33
        if needs or chance.random() < 0.3:
            style = "%{:02X}" if chance.random() < 0.7 else "%{:02x}"
            out.append("".join(style.format(byte) for byte in char.encode()))
        else:
            out.append(char)
    return "".join(out)


def _path(chance):
    segments = [chance.choice(SEGMENTS) for _ in range(chance.randint(0, 5))]
    path = "/" + "/".join(segments)
    # Verifiers differ on what a final dot segment leaves behind; configuration refuses those.
    while path.endswith(("/.", "/..")):
        path = path.rstrip(".").rstrip("/") or "/"
    return path


def _query(chance):
    if chance.random() < 0.3:
        return ""
    pairs = []
    for _ in range(chance.randint(0, 5)):
        key = _escaped(chance.choice(WORDS[1:]), chance)
        pair = key if chance.random() < 0.2 else key + "=" + _escaped(chance.choice(WORDS), chance)
        pairs.append(pair)
        if chance.random() < 0.2:
            pairs.append(key + "=" + _escaped(chance.choice(WORDS), chance))
    return "?" + "&".join(pairs)


def _value(chance):
    letters = string.ascii_letters + string.digits + "/;=\"+,:._-" + "  \t"
    return "".join(chance.choice(letters) for _ in range(chance.randint(0, 40)))


def _headers(chance):
    names = chance.sample(HEADERS, chance.randint(0, len(HEADERS)))
    pairs = [[name, _value(chance)] for name in names]
    if pairs and chance.random() < 0.3:
        pairs.append([pairs[0][0], _value(chance)])
    return pairs


def requests(count, seed=20150830):
    chance = random.Random(seed)
    for number in range(count):
        size = chance.choice(BIG_BODIES if number % 200 == 199 else BODIES)
        request = {
            "method": chance.choice(["POST", "POST", "GET", "DELETE", "PUT"]),
            "host": chance.choice(HOSTS),
            "target": _path(chance) + _query(chance),
            "headers": _headers(chance),
            "body": chance.choice(["x", '"ü', "{}\n"]) * (size // 2) if size else "",
            "access_key_id": "AKIDEXAMPLE",
            "secret_access_key": "".join(chance.choices(string.ascii_letters + "/+", k=40)),
            "region": chance.choice(["us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1"]),
            "service": chance.choice(["bedrock-agentcore", "aws-mcp", "lambda", "execute-api"]),
            "time": chance.randint(1_000_000_000, 4_000_000_000),
        }
        if chance.random() < 0.5:
            letters = string.ascii_letters + string.digits + "/+="
            request["session_token"] = "".join(chance.choices(letters, k=300))
        yield request
