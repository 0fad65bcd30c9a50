"""Stands in for a service in tests of the stack: `python -m support.toy_service`.

It is healthy and says its environment in JSON. TOY_FAULT: `refuse` ends at once, `deaf` ignores SIGTERM.
"""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class _Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def main() -> None:
    fault = os.environ.get("TOY_FAULT", "")
    if fault == "refuse":
        sys.stderr.write("I refuse\n")
        sys.exit(3)
    signal.signal(signal.SIGTERM, signal.SIG_IGN if fault == "deaf" else lambda *_: sys.exit(0))
    host = os.environ.get("WEBJOBS_HEALTH_HOST") or os.environ["WEBJOBS_HOST"]
    port = os.environ.get("WEBJOBS_HEALTH_PORT") or os.environ["WEBJOBS_PORT"]
    told = {name: value for name, value in os.environ.items() if name.startswith("WEBJOBS_")}
    sys.stdout.write(json.dumps({"pid": os.getpid(), **told}) + "\n")
    sys.stdout.flush()
    HTTPServer((host, int(port)), _Health).serve_forever()


if __name__ == "__main__":
    main()
