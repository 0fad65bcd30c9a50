"""What packages of a job cost: its start, a deployment with the same ones, many jobs that share them."""

import asyncio
import http.client
import io
import os
import statistics
import time
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

from figures import Figure, Rounds, in_milliseconds, note, tell
from invoke import Stamps, by_post
from live_stack import Client, LiveStack, fresh_folder, live_stack

ROUNDS = 5
SAMPLES = 25  # a round, of each kind, taken in turns
REDEPLOYMENTS = 5
JOBS = 1000
_DEPLOY_SECONDS = 110.0
_REQUIREMENTS = {"requirements.txt": "alpha\n"}


def write_wheel(folder: Path) -> None:
    """A package of 200 modules."""
    info = "alpha-1.0.dist-info"
    files = {f"alpha/part{number}.py": "X = 1\n" * 50 for number in range(200)}
    files |= {
        "alpha/__init__.py": "",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: alpha\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / "alpha-1.0-py3-none-any.whl", "w") as packed:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            packed.writestr(path, text)


def deploy(stack: LiveStack, job: str, files: Mapping[str, str]) -> float:
    """Milliseconds that a deployment takes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for path, text in files.items():
            packed.writestr(path, text)
    connection = http.client.HTTPConnection("127.0.0.1", stack.port)
    began = time.perf_counter()
    connection.request(
        "PUT", f"/api/jobs/triggered/{job}", archive.getvalue(), {"Content-Type": "application/zip"}
    )
    response = connection.getresponse()
    body = response.read()
    took = 1000 * (time.perf_counter() - began)
    connection.close()
    if response.status not in (200, 201):
        raise RuntimeError(f"deploying {job} answered {response.status}: {body!r}")
    return took


def starts(stack: LiveStack, stamps: Stamps) -> Rounds:
    """Milliseconds from POST to the first instruction: with packages, and without."""
    client, rounds = Client(stack.port), Rounds("start", "ms")
    for _ in range(10):
        by_post(client, "plain", stamps)
        by_post(client, "prepared", stamps)
    for _ in range(ROUNDS):
        plain, prepared = [], []
        for _ in range(SAMPLES):
            plain.append(1000 * by_post(client, "plain", stamps))
            prepared.append(1000 * by_post(client, "prepared", stamps))
        rounds.add(statistics.median(prepared), statistics.median(plain))
    return rounds


def deployments(stack: LiveStack, script: str) -> Rounds:
    """Milliseconds of a deployment with packages that are there, and of one without packages."""
    rounds = Rounds("deployment", "ms")
    for number in range(REDEPLOYMENTS):
        changed = {"run.py": f"{script}# {number}\n"}
        plain = deploy(stack, "plain", changed)
        rounds.add(deploy(stack, "prepared", {**changed, **_REQUIREMENTS}), plain)
    return rounds


def drop_many(stack: LiveStack) -> float:
    """Seconds until as many dropped jobs are deployed, which share one environment."""
    folder = stack.folder / "site" / "wwwroot" / "app_data" / "jobs" / "triggered"
    began, client = time.monotonic(), Client(stack.port)
    for number in range(JOBS):
        staged = stack.folder / "staged"
        staged.mkdir()
        (staged / "run.py").write_text(f"print({number})\n")
        (staged / "requirements.txt").write_text(_REQUIREMENTS["requirements.txt"])
        staged.rename(folder / f"many{number:04}")
    while (found := len(client.get("/api/jobs/triggered"))) < JOBS + 2:
        if time.monotonic() - began > _DEPLOY_SECONDS:
            raise TimeoutError(f"{found} jobs are deployed")
        time.sleep(0.2)
    return time.monotonic() - began


async def main() -> None:
    with fresh_folder() as folder:
        stamps = Stamps(folder / "stamps")
        script = f"import time\nat = time.time()\nopen({str(folder / 'stamps')!r}, 'w').write(f'{{at}}\\n')\n"
        await asyncio.to_thread(write_wheel, folder)
        # Without packages too, scripts get an environment: what is installed on the machine may cost 60 ms.
        await asyncio.to_thread(venv.create, folder / "plain", with_pip=False)
        programs = f"{folder / 'plain' / 'bin'}:{os.environ['PATH']}"
        offline = {"UV_FIND_LINKS": str(folder), "UV_OFFLINE": "1", "PATH": programs}
        async with live_stack(environment=offline) as stack:
            await asyncio.to_thread(deploy, stack, "plain", {"run.py": script})
            first = await asyncio.to_thread(deploy, stack, "prepared", {"run.py": script, **_REQUIREMENTS})
            note(f"first deployment: {first:.0f} ms")
            started = await asyncio.to_thread(starts, stack, stamps)
            deployed = await asyncio.to_thread(deployments, stack, script)
            seconds = await asyncio.to_thread(drop_many, stack)
            python = stack.folder / "data" / ".environments" / "python"
            built = sum(1 for each in python.iterdir() if each.is_dir())
    differences = [ours - plain for ours, plain in zip(started.ours, started.yardstick, strict=True)]
    tell(
        Figure(
            what="a start of a job with packages, longer than one without",
            unit="ms",
            value=statistics.median(differences),
            goal=2.0,
            stretch=1.0,
            judged="value",
            better="lower",
            rounds=[round(each, 2) for each in differences],
            facts={"with_ms": started.value, "without_ms": started.yardstick_value},
        ),
        in_milliseconds(
            "deployment of a changed script with the same packages",
            deployed,
            "the same without packages",
            1000.0,
            300.0,
            first_ms=first,
        ),
        Figure(
            what=f"{JOBS} dropped jobs that share an environment, until all are deployed",
            unit="s",
            value=seconds,
            goal=100.0,
            stretch=50.0,
            judged="value",
            better="lower",
            facts={"environments": float(built)},
        ),
    )


if __name__ == "__main__":
    asyncio.run(main())
