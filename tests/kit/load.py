"""Calls one tool over and over, from a process of its own, until its stdin is closed.

`python -m kit.load HOST:PORT PATH SESSION TOOL CONNECTIONS`; prints the number of calls once a hundred
and at the end, as JSON, all of them and what failed.
"""

import http.client
import itertools
import json
import sys
import threading

ACCEPT = "application/json, text/event-stream"


def main(authority, path, session, tool, connections):
    headers = {"accept": ACCEPT, "content-type": "application/json", "mcp-session-id": session}
    ids = itertools.count(1000)
    stopping = threading.Event()
    calls, failures, lock = [0], [], threading.Lock()

    def run():
        connection = http.client.HTTPConnection(authority)
        while not stopping.is_set():
            number = next(ids)
            params = {"name": tool, "arguments": {"number": number}}
            message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
            wanted = [{"type": "text", "text": json.dumps({"number": number})}]
            try:
                connection.request("POST", path, json.dumps(message), headers)
                answer = connection.getresponse()
                body = answer.read()
                found = json.loads(body)
                right = answer.status == 200 and found["id"] == number and found["result"]["content"] == wanted
                problem = None if right else body.decode()
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                problem = repr(error)
                connection.close()
            with lock:
                calls[0] += 1
                if problem:
                    failures.append(problem)
                if calls[0] % 100 == 0:
                    print(calls[0], flush=True)

    threads = [threading.Thread(target=run) for _ in range(int(connections))]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stopping.set()
    for thread in threads:
        thread.join()
    print(json.dumps({"calls": calls[0], "failures": failures[:20], "failed": len(failures)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
