"""Stands in for a service in tests of the stack: `python -m support.toy_service`.

It is healthy and says its environment and credentials in JSON.
TOY_FAULT: `refuse` ends at once, `deaf` ignores SIGTERM, `unready` waits for Postgres for ever,
a runner that is `slow` takes a second to end, healthy meanwhile; one that is `hung` never ends, and does not
answer after SIGTERM.
"""

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from webjobs_service.credential_handover import receive_credentials

_is_hung = threading.Event()
_UNREADY = {"status": "not ready", "missing": {"postgres": "it is away"}}


class _Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if _is_hung.is_set():
            threading.Event().wait()
        if os.environ.get("TOY_FAULT") == "unready":
            self.send_response(503)
            self.end_headers()
            self.wfile.write(json.dumps(_UNREADY).encode())
            return
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def _end_slowly(*_: object) -> None:
    def end() -> None:
        sys.stdout.write('{"ended": "by itself"}\n')
        sys.stdout.flush()
        os._exit(0)

    threading.Timer(1.0, end).start()


def _reactions() -> dict[str, Any]:
    of_runners = {"slow": _end_slowly, "hung": lambda *_: _is_hung.set()}
    return {"deaf": signal.SIG_IGN, **(of_runners if "WEBJOBS_INSTANCE_ID" in os.environ else {})}


def main() -> None:
    fault = os.environ.get("TOY_FAULT", "")
    if fault == "refuse":
        sys.stderr.write("I refuse\n")
        sys.exit(3)
    signal.signal(signal.SIGTERM, _reactions().get(fault, lambda *_: sys.exit(0)))
    host = os.environ.get("WEBJOBS_HEALTH_HOST") or os.environ["WEBJOBS_HOST"]
    port = os.environ.get("WEBJOBS_HEALTH_PORT") or os.environ["WEBJOBS_PORT"]
    credentials = receive_credentials()
    told = {name: value for name, value in os.environ.items() if name.startswith("WEBJOBS_")}
    sys.stdout.write(json.dumps({"pid": os.getpid(), **told, "credentials": credentials}) + "\n")
    sys.stdout.flush()
    HTTPServer((host, int(port)), _Health).serve_forever()


if __name__ == "__main__":
    main()
