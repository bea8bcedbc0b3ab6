"""Stands between a replica and the API server: counts requests, refuses some, cuts the line."""

import http.client
import http.server
import json
import ssl
import threading
import time

import yaml

CHUNK = 65536


class Between:
    """An HTTPS reverse proxy with the API server's own certificate, and a kubeconfig for itself."""

    def __init__(self, api, folder):
        self.api = api
        self.requests = []  # (method, path), in order
        self.forbidden = ()  # parts of paths that are refused
        self.permit = lambda method, path: True  # an authorizer
        self.refused = []  # what it refused
        self.before = lambda method, path: None  # what happens just before a request is passed on
        self.answers = []  # (method, path, status) of what was passed on
        self.delay = 0.0  # seconds before each request is passed on
        self._open = set()
        self._lock = threading.Lock()
        self._cut = False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(api.certificates / "apiserver.crt", api.certificates / "apiserver.key")
        self._outward = ssl.create_default_context(cafile=str(api.certificates / "apiserver.crt"))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.handle_error = lambda request, address: None  # the line is cut on purpose
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.kubeconfig = folder / "between.kubeconfig"
        config = yaml.safe_load(api.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{self._server.server_port}"
        self.kubeconfig.write_text(yaml.safe_dump(config))

    def count(self, method, part=""):
        with self._lock:
            return sum(1 for found, path in self.requests if found == method and part in path)

    def cut(self):
        """Ends every connection and takes no request until `mend`."""
        self._cut = True
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(2)
            except OSError:
                pass

    def mend(self):
        self._cut = False

    def stop(self):
        self.cut()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self):
        between = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                with between._lock:
                    between._open.add(self.connection)

            def finish(self):
                with between._lock:
                    between._open.discard(self.connection)
                super().finish()

            def handle_any(self):
                between._pass_on(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *arguments):
                pass

        return Handler

    def _pass_on(self, handler):
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        with self._lock:
            self.requests.append((handler.command, handler.path))
        if self._cut:
            handler.close_connection = True
            return
        if self.delay:
            time.sleep(self.delay)
        permitted = self.permit(handler.command, handler.path)
        if not permitted:
            self.refused.append((handler.command, handler.path))
        if not permitted or any(part in handler.path for part in self.forbidden):
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403,
                      "reason": "Forbidden", "message": "forbidden by the test"}
            return self._answer(handler, 403, json.dumps(status).encode())
        self.before(handler.command, handler.path)
        try:
            upstream = http.client.HTTPSConnection("127.0.0.1", self.api.port, context=self._outward, timeout=400)
            headers = {k: v for k, v in handler.headers.items() if k.lower() not in ("host", "accept-encoding")}
            upstream.request(handler.command, handler.path, body, headers)
            answer = upstream.getresponse()
        except OSError:
            handler.close_connection = True
            return
        with self._lock:
            self.answers.append((handler.command, handler.path, answer.status))
        handler.send_response(answer.status)
        handler.send_header("content-type", answer.getheader("content-type", "application/json"))
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        try:
            while data := answer.read1(CHUNK):
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                handler.wfile.flush()
            handler.wfile.write(b"0\r\n\r\n")
        except (OSError, http.client.HTTPException):
            handler.close_connection = True
        finally:
            upstream.close()

    @staticmethod
    def _answer(handler, status, body):
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
