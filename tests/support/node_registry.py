"""A registry of Node.js packages on this machine, with packages that the tests make."""

import base64
import contextlib
import hashlib
import io
import json
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any


@dataclass
class NodeRegistry:
    """A running registry.

    Attributes:
        url: Its address.
        requests: Paths that were asked for, in their order.
        failing: Every request is answered with 503.
        delay: Returns the seconds after which a request is answered.
    """

    url: str
    packages: dict[str, dict[str, tuple[dict[str, Any], bytes]]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    failing: bool = False
    delay: Callable[[], float] = lambda: 0.0

    def add(
        self,
        name: str,
        version: str = "1.0.0",
        code: str = "",
        files: Mapping[str, str] = MappingProxyType({}),
        **facts: Any,
    ) -> None:
        """Offer a package with one module, and other files."""
        manifest = {"name": name, "version": version, "main": "index.js", **facts}
        code = code or f"module.exports = {{VERSION: {version!r}}}\n"
        content = _packed({"package.json": json.dumps(manifest), "index.js": code, **files})
        self.packages.setdefault(name, {})[version] = manifest, content

    @property
    def variables(self) -> dict[str, str]:
        """What a runner needs to take its packages from here."""
        return {"NPM_CONFIG_REGISTRY": self.url, "NPM_CONFIG_FETCH_RETRIES": "0"}

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body for a path."""
        if self.failing:
            return 503, b"away"
        name, _, file = path.strip("/").partition("/-/")
        versions = self.packages.get(name)
        if versions is None:
            return 404, b"{}"
        if file:
            version = file.removeprefix(f"{name}-").removesuffix(".tgz")
            return (200, versions[version][1]) if version in versions else (404, b"{}")
        listed = {
            version: {**manifest, "dist": self._dist(name, version, content)}
            for version, (manifest, content) in versions.items()
        }
        newest = max(listed)
        return 200, json.dumps({"name": name, "dist-tags": {"latest": newest}, "versions": listed}).encode()

    def _dist(self, name: str, version: str, content: bytes) -> dict[str, str]:
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
        return {"tarball": f"{self.url}{name}/-/{name}-{version}.tgz", "integrity": integrity}


@contextlib.contextmanager
def node_registry() -> Iterator[NodeRegistry]:
    """An empty registry, on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            registry.requests.append(self.path)
            time.sleep(registry.delay())  # as a slow registry does
            status, body = registry.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry = NodeRegistry(f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _packed(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size, entry.mode = len(text.encode()), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()
