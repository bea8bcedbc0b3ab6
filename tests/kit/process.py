"""A child process whose output can be waited for, and which is gone at teardown."""

import os
import re
import signal
import socket
import subprocess
import threading
import time

DEADLINE = float(os.environ.get("SEALGATE_TEST_DEADLINE", "20"))


class Died(Exception):
    """The process ended while something of it was awaited; carries what it said."""


class Process:
    """Runs `argv`; collects stdout and stderr line by line, or stderr only."""

    def __init__(self, argv, *, env=None, cwd=None, discard_stdout=False):
        self.argv = [str(part) for part in argv]
        self.lines = []
        self._changed = threading.Condition()
        self._open_streams = 1 if discard_stdout else 2
        self.child = subprocess.Popen(
            self.argv,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if discard_stdout else subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        for stream in self._streams():
            threading.Thread(target=self._collect, args=(stream,), daemon=True).start()

    def _streams(self):
        return [stream for stream in (self.child.stdout, self.child.stderr) if stream is not None]

    def _collect(self, stream):
        for raw in stream:
            with self._changed:
                self.lines.append(raw.decode("utf-8", "replace").rstrip("\r\n"))
                self._changed.notify_all()
        with self._changed:
            self._open_streams -= 1
            self._changed.notify_all()

    @property
    def pid(self):
        return self.child.pid

    def output(self):
        with self._changed:
            return "\n".join(self.lines)

    def wait_for(self, wanted, *, deadline=DEADLINE, start=0):
        """The first line from `start` on for which `wanted` (a regex or a function) is true."""
        test = wanted if callable(wanted) else re.compile(wanted).search
        ends = time.monotonic() + deadline
        seen = start
        with self._changed:
            while True:
                while seen < len(self.lines):
                    found = test(self.lines[seen])
                    seen += 1
                    if found:
                        return self.lines[seen - 1] if found is True else found
                if self._open_streams == 0:
                    raise Died(f"{self.argv[0]} ended before {wanted!r}:\n" + "\n".join(self.lines))
                left = ends - time.monotonic()
                if left <= 0:
                    tail = "\n".join(self.lines[-60:])
                    raise TimeoutError(f"{self.argv[0]}: no {wanted!r} in {deadline} s:\n{tail}")
                self._changed.wait(left)

    def wait(self, deadline=DEADLINE):
        """The exit status, once the process has ended and its output is complete."""
        status = self.child.wait(deadline)
        with self._changed:
            self._changed.wait_for(lambda: self._open_streams == 0, deadline)
        return status

    def signal(self, number):
        self.child.send_signal(number)

    def stop(self, deadline=10):
        """Asks the whole process group to end, then makes it."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.child.pid, number)
            except ProcessLookupError:
                break
            try:
                self.child.wait(deadline)
                break
            except subprocess.TimeoutExpired:
                continue
        for stream in self._streams():
            if self._open_streams == 0:
                stream.close()


def free_port():
    """A port nobody listens on now, for programs that cannot pick one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, *, process=None, deadline=DEADLINE):
    """Returns once 127.0.0.1:`port` accepts; connecting is the event, retries are paced by it."""
    ends = time.monotonic() + deadline
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return port
        except OSError:
            if process is not None and process.child.poll() is not None:
                raise Died(f"{process.argv[0]} ended:\n{process.output()}") from None
            if time.monotonic() > ends:
                said = f":\n{process.output()}" if process is not None else ""
                raise TimeoutError(f"nothing accepts on port {port}{said}") from None
            threading.Event().wait(0.02)


def eventually(check, *, deadline=DEADLINE, what="condition"):
    """The first true value of `check`, asked again until `deadline`; for state with no event."""
    ends = time.monotonic() + deadline
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > ends:
            raise TimeoutError(f"{what} did not come true in {deadline} s (last: {value!r})")
        threading.Event().wait(0.05)
