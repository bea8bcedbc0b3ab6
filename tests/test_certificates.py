"""Certificates as they are in use: judged when they are loaded, rotated without a break, and names
of servers as the policy wants them."""

import socket
import ssl
import subprocess
import threading

import pytest

from kit import resources
from kit.certificates import Authority
from kit.gateway import BINARY, environment
from kit.process import eventually, free_port
from kit.scripted import ScriptedServer


@pytest.fixture(scope="module")
def authority():
    return Authority()


def gateway_resource(port):
    return {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "sealgate"},
        "spec": {"gatewayClassName": "sealgate", "listeners": [{
            "name": "https", "port": port, "protocol": "HTTPS",
            "tls": {"certificateRefs": [{"name": "edge"}]}}]},
    }


def tls_secret(chain, key):
    made = resources.secret("edge", **{"tls.crt": chain, "tls.key": key})
    return {**made, "type": "kubernetes.io/tls"}


def presented(authority, port):
    """The serial number of the certificate that a client of `authority` is shown, or None."""
    context = ssl.create_default_context(cadata=authority.pem)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            with context.wrap_socket(line, server_hostname="mcp.test") as secure:
                return secure.getpeercert()["serialNumber"]
    except OSError:
        return None


def test_a_listener_keeps_its_last_good_certificate_and_says_why(gateway, authority, tmp_path):
    server, port = ScriptedServer(), free_port()
    first, second = authority.leaf("mcp.test"), authority.leaf("mcp.test")

    def write(chain, key):
        return resources.write(
            tmp_path / "all.yaml", gateway_resource(port), tls_secret(chain, key),
            resources.backend("one", server.port), resources.route("r", resources.reference("one")))

    try:
        running = gateway(write(*first), listen="127.0.0.1:0")
        serial = presented(authority, port)
        assert serial
        file = write(second[0], first[1])
        line = 1 + next(n for n, text in enumerate(file.read_text().splitlines()) if "tls.key" in text)
        record = running.logged(lambda it: it.get("code") == "certificate")
        assert record["place"].startswith(f"{file}:{line}:") and record["field"] == "stringData.tls.key"
        assert record["kept"] is True and "does not belong to the certificate" in record["message"]
        assert presented(authority, port) == serial
        verbose = running.admin("/readyz?verbose").body.decode()
        assert f"{file}:{line}" in verbose and "PRIVATE KEY" not in verbose
        write(*second)
        eventually(lambda: presented(authority, port) not in (None, serial), what="the new certificate")
        assert "does not belong" not in running.admin("/readyz?verbose").body.decode()
    finally:
        server.stop()


def test_check_names_a_certificate_that_cannot_be_used(authority, tmp_path):
    (chain, _), (_, key) = authority.leaf("a.test"), authority.leaf("b.test")
    file = resources.write(tmp_path / "all.yaml", gateway_resource(8443), tls_secret(chain, key),
                           resources.backend("one", 9), resources.route("r", resources.reference("one")))
    done = subprocess.run([BINARY, "check", file], env=environment(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "tls.key: the private key does not belong to the certificate" in done.stderr
    assert "stringData.tls.key of Secret default/edge" in done.stderr and "BEGIN" not in done.stderr


class TlsServer:
    """A front of `server` that speaks TLS with one certificate; keeps the names it was asked by."""

    def __init__(self, folder, server, chain, key):
        (folder / "chain.pem").write_text(chain)
        (folder / "key.pem").write_text(key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
        self.asked = []
        context.sni_callback = lambda line, name, context: self.asked.append(name)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, args=(context, server.port), daemon=True).start()

    def _serve(self, context, port):
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(context, line, port), daemon=True).start()

    def _carry(self, context, line, port):
        try:
            secure = context.wrap_socket(line, server_side=True)
        except OSError:
            return
        plain = socket.create_connection(("127.0.0.1", port))
        threading.Thread(target=_copy, args=(plain, secure), daemon=True).start()
        _copy(secure, plain)

    def stop(self):
        self._socket.close()


def _copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


SPIFFE = "spiffe://mcp.test/ns/tools/sa/echo"


@pytest.mark.parametrize("names, served", [
    ([{"type": "URI", "uri": SPIFFE}], True),
    ([{"type": "Hostname", "hostname": "other.test"}, {"type": "Hostname", "hostname": "*.mcp.test"}], True),
    ([{"type": "Hostname", "hostname": "sni.test"}], False),
    ([{"type": "URI", "uri": SPIFFE + "/more"}], False),
    ([], False),
], ids=["uri", "wildcard", "the name that is asked for", "another uri", "none: the hostname counts"])
def test_a_backend_is_who_the_policy_says_it_is(gateway, ending, authority, tmp_path, names, served):
    server = ending(ScriptedServer({"echo": lambda arguments: "one"}))
    front = ending(TlsServer(tmp_path, server, *authority.leaf("a.mcp.test", SPIFFE)))
    policy = {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy", "metadata": {"name": "p"},
        "spec": {"targetRefs": [{"group": "gateway.envoyproxy.io", "kind": "Backend", "name": "one"}],
                 "validation": {"hostname": "sni.test", "subjectAltNames": names,
                                "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}]}},
    }
    authorities = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca"},
                   "data": {"ca.crt": authority.pem}}
    running = gateway(resources.write(
        tmp_path / "all.yaml", policy, authorities, resources.backend("one", front.port),
        resources.route("r", resources.reference("one"))))
    if served:
        assert running.opened().text("one__echo") == "one"
        assert set(front.asked) == {"sni.test"}
        return
    answer = running.client().post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}})
    assert "certificate is not" in answer.body.decode()
    assert server.seen("POST initialize") == []
