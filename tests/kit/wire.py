"""HTTP/1.1 over raw sockets for the servers of the kit: nothing is normalised on the way.

`read_request` gives a `Received` with its target and headers as sent; `relay` passes a message to
a real server and streams the answer back, ending it when either side goes away.
"""

import select
import socket

from .received import Received

MAXIMUM_HEAD = 256 * 1024
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "expect"}


def read_request(stream):
    """The next request of a connection's file object; None where the client has gone."""
    line = stream.readline(MAXIMUM_HEAD)
    if not line.strip():
        return None
    method, target, version = line.decode("latin-1").rstrip("\r\n").split(" ")
    headers = []
    while (line := stream.readline(MAXIMUM_HEAD)) not in (b"\r\n", b"\n", b""):
        name, _, value = line.decode("latin-1").rstrip("\r\n").partition(":")
        headers.append((name, value.strip()))
    request = Received(method, target, headers, b"", version)
    request.body = _read_body(stream, request)
    return request


def _read_body(stream, request):
    if "chunked" in (request.header("transfer-encoding") or "").lower():
        parts = []
        while size := int(stream.readline().split(b";")[0], 16):
            parts.append(stream.read(size))
            stream.readline()
        while stream.readline() not in (b"\r\n", b"\n", b""):
            pass
        return b"".join(parts)
    return stream.read(int(request.header("content-length") or 0))


def answer(client, status, headers, body, reason="Answer"):
    """A whole answer with its length."""
    head = [f"HTTP/1.1 {status} {reason}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    head.append(f"content-length: {len(body)}")
    client.sendall("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)


def relay(client, request, upstream, target, *, drop=(), keep_host=False):
    """Sends `request` on to `upstream` (host, port) as `target`; streams the answer to `client`.

    The upstream leg is HTTP/1.0, so that the end of the answer is the end of the connection; the
    client leg stays keep-alive where the client speaks HTTP/1.1.
    """
    with socket.create_connection(upstream) as server:
        head = _forwarded_head(request, None if keep_host else upstream, target, drop)
        server.sendall(head + request.body)
        answer_stream = server.makefile("rb")
        status_line = answer_stream.readline()
        if not status_line:
            raise ConnectionError("the upstream closed without an answer")
        status = int(status_line.split(b" ")[1])
        headers, sized = [], None
        while (line := answer_stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                sized = int(value)
            if name.lower().decode() not in HOP_BY_HOP:
                headers.append(line)
        bodiless = status in (204, 304) or request.method == "HEAD"
        unsized = sized is None and not bodiless
        closing = unsized and request.version == "HTTP/1.0"
        framing = b"transfer-encoding: chunked\r\n" if unsized and not closing else b""
        client.sendall(b"HTTP/1.1 %d Relayed\r\n" % status + b"".join(headers) + framing + b"\r\n")
        if sized is not None:
            client.sendall(answer_stream.read(sized))
        elif unsized:
            _stream(client, server, answer_stream, chunked=not closing)
        if closing:
            raise ConnectionResetError("the end of the connection ends the answer")


def _forwarded_head(request, upstream, target, drop):
    host = request.header("host") if upstream is None else "{}:{}".format(*upstream)
    lines = [f"{request.method} {target} HTTP/1.0", f"host: {host}"]
    for name, value in request.headers:
        if name.lower() not in HOP_BY_HOP | {"host", "content-length"} and not any(
            name.lower().startswith(prefix) for prefix in drop
        ):
            lines.append(f"{name}: {value}")
    if request.body:
        lines.append(f"content-length: {len(request.body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def _stream(client, server, answer_stream, *, chunked):
    server.setblocking(False)
    while True:
        part = answer_stream.read1(65536)
        if part is None or (part == b"" and _would_block(server)):
            ready, _, _ = select.select([server, client], [], [])
            if client in ready and client.recv(1, socket.MSG_PEEK) == b"":
                return
            continue
        if part == b"":
            if chunked:
                client.sendall(b"0\r\n\r\n")
            return
        client.sendall(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)


def _would_block(server):
    try:
        return server.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
