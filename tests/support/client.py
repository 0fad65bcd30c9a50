"""A client of the api as anybody could write it: HTTP and JSON, nothing of ours."""

import contextlib
import io
import json
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
from support.archives import zip_of
from support.eventually import eventually

PATIENCE = 40.0  # seconds; other tests may keep the machine busy
TERMINAL = frozenset({"Success", "Failed", "Aborted"})
_LINE = re.compile(
    r"\[(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d) > ([0-9a-f]{6}): (INFO|ERROR|SYS INFO|SYS WARN|SYS ERROR)\] (.*)"
)


def unique(name: str) -> str:
    """A job's name that no other test uses."""
    return f"{name}-{secrets.token_hex(4)}"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Line:
    """One line of a log."""

    at: str
    instance: str
    level: str
    text: str


def lines_of(log: str) -> list[Line]:
    """The lines of a log, every one of which must have its mark."""
    found = []
    for line in log.splitlines():
        match = _LINE.fullmatch(line)
        assert match, f"no mark: {line!r}"
        found.append(Line(*match.groups()))
    return found


class Client:
    """Speaks to one api; addresses may be absolute, as answers give them, or begin with a slash."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.base = base
        self._session = session

    async def ask(self, method: str, address: str, **options: Any) -> Answer:
        url = address if address.startswith("http") else f"{self.base}{address}"
        async with self._session.request(method, url, allow_redirects=False, **options) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def get(self, address: str) -> Answer:
        return await self.ask("GET", address)

    async def put(self, address: str, body: Any, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = io.BytesIO(body) if isinstance(body, bytes) else body
        return await self.ask("PUT", address, data=data, headers=named)

    async def post(self, address: str, **options: Any) -> Answer:
        return await self.ask("POST", address, **options)

    async def delete(self, address: str) -> Answer:
        return await self.ask("DELETE", address)

    async def json(self, address: str) -> Any:
        """The JSON behind an address that must answer 200."""
        answer = await self.get(address)
        assert answer.status == 200, answer.text
        return answer.json

    # Jobs

    async def put_script(self, job_type: str, name: str, script: str | bytes, file: str = "run.sh") -> Any:
        """Deploy one script; answers the job."""
        answer = await self.put(
            job_url(job_type, name), script, Content_Disposition=f'attachement; filename="{file}"'
        )
        assert answer.status == 200, answer.text
        return answer.json

    async def put_zip(self, job_type: str, name: str, files: Mapping[str, str | bytes]) -> Any:
        """Deploy an archive; answers the job."""
        answer = await self.put(job_url(job_type, name), zip_of(files), Content_Type="application/zip")
        assert answer.status == 200, answer.text
        return answer.json

    async def job(self, job_type: str, name: str) -> Any:
        return await self.json(job_url(job_type, name))

    async def run(self, name: str, arguments: str | None = None) -> str:
        """Start a run; answers its id."""
        parameters = {} if arguments is None else {"arguments": arguments}
        answer = await self.post(f"{job_url('triggered', name)}/run", params=parameters)
        assert answer.status == 202, answer.text
        assert answer.body == b""
        return answer.headers["Location"].rpartition("/")[2]

    async def run_of(self, name: str, run_id: str) -> Any:
        return await self.json(f"{job_url('triggered', name)}/history/{run_id}")

    async def runs_of(self, name: str) -> list[Any]:
        runs: list[Any] = (await self.json(f"{job_url('triggered', name)}/history"))["runs"]
        return runs

    async def begun(self, name: str, run_id: str) -> Any:
        """The run, once its script runs."""

        async def has_begun() -> Any:
            run = await self.run_of(name, run_id)
            assert run["status"] == "Running", run
            return run

        return await eventually(has_begun, PATIENCE, interval=0.05)

    async def ended(self, name: str, run_id: str, timeout: float = PATIENCE) -> Any:
        """The run, once it has ended."""

        async def has_ended() -> Any:
            run = await self.run_of(name, run_id)
            assert run["status"] in TERMINAL, run
            return run

        return await eventually(has_ended, timeout, interval=0.05)

    async def run_to_end(self, name: str, arguments: str | None = None, timeout: float = PATIENCE) -> Any:
        return await self.ended(name, await self.run(name, arguments), timeout)

    async def output_of(self, run: Any) -> list[str]:
        """What the script of a run wrote to its standard output."""
        log = (await self.get(run["output_url"])).text
        return [line.text for line in lines_of(log) if line.level == "INFO"]

    async def until_status(self, name: str, *wanted: str, timeout: float = PATIENCE) -> Any:
        """The continuous job, once it has one of these statuses."""

        async def has_it() -> Any:
            job = await self.job("continuous", name)
            assert job["status"] in wanted, job
            return job

        return await eventually(has_it, timeout, interval=0.05)

    async def job_log(self, name: str) -> list[Line]:
        """The lines of a continuous job's log."""
        job = await self.job("continuous", name)
        return lines_of((await self.get(job["log_url"])).text)


def job_url(job_type: str, name: str) -> str:
    """The address of a job, without the server."""
    return f"/api/jobs/{job_type}/{quote(name, safe='')}"


@contextlib.asynccontextmanager
async def client_of(base: str) -> AsyncIterator[Client]:
    """A client for the time of the body."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=90)) as session:
        yield Client(session, base)
