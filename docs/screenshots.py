"""Takes the pictures in the README: `make screenshots`. Needs Chromium."""

import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).with_name("images")
BASE = "http://127.0.0.1:8099"
READY = "webjobs is ready"
INVOICES = """\
echo "reading invoices of $(date -d yesterday +%F 2>/dev/null || echo yesterday)"
for number in 4711 4712 4713; do echo "invoice $number exported"; done
if [ "$1" = broken ]; then echo "ValueError: invoice 4714 has no customer" >&2; exit 3; fi
echo "3 invoices exported"
"""
SCRIPTS = {
    ("triggered", "nightly-invoice-export"): INVOICES,
    ("triggered", "clean-up-uploads"): 'sleep "0.$((RANDOM % 4))"; echo "12 files removed"\n',
    ("triggered", "yearly-report"): 'for page in $(seq 900); do echo "page $page"; sleep 1; done\n',
    ("triggered", "import-prices"): "echo imported\n",
    ("continuous", "mail-queue"): "while true; do echo waiting for mail; sleep 5; done\n",
}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")


def ask(method: str, path: str, body: str = "", **headers: str) -> None:
    """Send a request to the stack."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(BASE + path, body.encode() or None, named, method=method)
    urllib.request.urlopen(request, timeout=30).close()


@contextmanager
def running_stack() -> Iterator[None]:
    """`webjobs up` in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("webjobs")), "up", "--data", folder, "--port", "8099"]
        output = Path(folder) / "up.txt"
        with output.open("w") as written, subprocess.Popen(command, stdout=written, stderr=written) as stack:
            try:
                while READY not in output.read_text():
                    if stack.poll() is not None:
                        raise SystemExit(output.read_text())
                    time.sleep(0.2)
                yield
            finally:
                stack.terminate()


def fill() -> None:
    """Deploy some jobs, and run them."""
    script = {"Content_Disposition": "attachment; filename=run.sh"}
    for (kind, name), text in SCRIPTS.items():
        ask("PUT", f"/api/jobs/{kind}/{name}", text, **script)
    schedule = '{"schedule": "0 30 3 * * *"}'
    ask("PUT", "/api/jobs/triggered/nightly-invoice-export/settings", schedule)
    ask("PUT", "/api/jobs/triggered/clean-up-uploads/settings", '{"schedule": "0 0 * * * *"}')
    for number in range(14):
        ask("POST", "/api/jobs/triggered/clean-up-uploads/run")
        broken = "?arguments=broken" if number in (6, 12, 13) else ""
        ask("POST", f"/api/jobs/triggered/nightly-invoice-export/run{broken}")
        time.sleep(1)
    ask("POST", "/api/jobs/triggered/import-prices/run")
    ask("POST", "/api/jobs/triggered/yearly-report/run")
    time.sleep(3)


def take() -> None:
    """Take the pictures."""
    IMAGES.mkdir(exist_ok=True)
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        raise SystemExit("Chromium is not installed; on Debian: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        page = browser.new_page(viewport={"width": 1200, "height": 860})
        page.goto(BASE)
        page.wait_for_selector("#live.on")
        page.screenshot(path=IMAGES / "overview.png")
        page.get_by_role("link", name="See the run").first.click()
        page.wait_for_load_state()
        page.screenshot(path=IMAGES / "run.png")
        browser.close()


if __name__ == "__main__":
    with running_stack():
        fill()
        take()
