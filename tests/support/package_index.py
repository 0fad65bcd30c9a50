"""An index of Python packages on this machine, with wheels that the tests make."""

import base64
import contextlib
import hashlib
import io
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


def wheel(
    name: str,
    version: str = "1.0",
    files: Mapping[str, str] | None = None,
    requires: Sequence[str] = (),
    requires_python: str = "",
) -> tuple[str, bytes]:
    """File name and content of a wheel; without `files` it holds one module that knows its version."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Requires-Dist: {each}" for each in requires]
    metadata += [f"Requires-Python: {requires_python}"] if requires_python else []
    content = {
        **(files or {f"{module}.py": f"VERSION = {version!r}\n"}),
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in content.items()
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for path, text in {**content, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            packed.writestr(path, text)
    return f"{module}-{version}-py3-none-any.whl", archive.getvalue()


def source_archive(name: str, version: str = "1.0") -> tuple[str, bytes]:
    """File name and content of a package that would have to be built."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(f"{name}-{version}/setup.py", "raise SystemExit('built')\n")
        packed.writestr(
            f"{name}-{version}/PKG-INFO", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
    return f"{name}-{version}.zip", archive.getvalue()


@dataclass
class PackageIndex:
    """A running index.

    Attributes:
        url: Of its simple pages.
        requests: Paths that were asked for, in their order.
        login: `name:password` that every request must have; empty: none.
        failing: Every request is answered with 503.
        held: While it is cleared, downloads of files wait.
        delay: Returns the seconds after which a request is answered.
    """

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    login: str = ""
    failing: bool = False
    held: threading.Event = field(default_factory=threading.Event)
    delay: Callable[[], float] = lambda: 0.0

    def add(self, *packages: tuple[str, bytes]) -> None:
        """Offer packages."""
        self.files.update(packages)

    @property
    def variables(self) -> dict[str, str]:
        """What a runner needs to take its packages from here."""
        return {"UV_DEFAULT_INDEX": self.url, "UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": "20"}

    def page(self, name: str) -> str | None:
        """The page of a package; None when there is none."""
        found = [
            f'<a href="../../files/{file}#sha256={hashlib.sha256(data).hexdigest()}">{file}</a>'
            for file, data in self.files.items()
            if file.split("-")[0].replace("_", "-").lower() == name
        ]
        return "<!DOCTYPE html><html><body>" + "\n".join(found) + "</body></html>" if found else None


@contextlib.contextmanager
def package_index(*packages: tuple[str, bytes]) -> Iterator[PackageIndex]:
    """An index with these packages, on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._respond(with_body=False)

        def do_GET(self) -> None:
            index.requests.append(self.path)
            self._respond(with_body=True)

        def _respond(self, *, with_body: bool) -> None:
            status, kind, body = self._answer(with_body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="tests"')
            self.end_headers()
            if with_body:
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body)

        def _answer(self, with_body: bool) -> tuple[int, str, bytes]:
            time.sleep(index.delay())  # as a slow index does
            if index.failing:
                return 503, "text/plain", b"away"
            given = self.headers.get("Authorization", "").removeprefix("Basic ")
            if index.login and base64.b64decode(given or b"").decode() != index.login:
                return 401, "text/plain", b"no"
            parts = unquote(self.path).strip("/").split("/")
            if parts[0] == "files" and parts[-1] in index.files:
                if with_body:
                    index.held.wait(60)
                return 200, "application/octet-stream", index.files[parts[-1]]
            page = index.page(parts[-1]) if parts[0] == "simple" else None
            return (200, "text/html", page.encode()) if page else (404, "text/plain", b"no")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    index = PackageIndex(f"http://127.0.0.1:{server.server_port}/simple")
    index.held.set()
    index.add(*packages)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield index
    finally:
        index.held.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
