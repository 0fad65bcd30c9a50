"""Archives and folders as people bring them, run by a real stack."""

import os
import socket

import pytest
from support.client import Client, job_url, unique
from support.eventually import eventually
from support.stack import RunningStack
from support.zip_makers import MAKERS, info_zip

PROJECT = {
    "myjob/run.sh": "#!/bin/sh\n./tools/tool.sh\ncat J*\n",
    "myjob/tools/tool.sh": "#!/bin/sh\necho tool\n",
    "myjob/J\u00e4mf\u00f6relse.txt": "data",
}
LINKS = {"node_modules/.bin/tool": "../tool/cli.sh", "out": "/etc", "up": "../../x"}


async def deployed(client: Client, name: str, body: bytes) -> list[str]:
    """Deploy an archive; returns the warnings, which the answer, its headers and the job have in common."""
    answer = await client.put(f"/api/triggeredwebjobs/{name}", body, Content_Type="application/zip")
    assert answer.status == 200, answer.text
    warnings = answer.json["warnings"]
    assert ("Webjobs-Warning" in answer.headers) == bool(warnings)
    job = await client.get(f"/api/triggeredwebjobs/{name}")
    assert job.json["warnings"] == warnings
    return warnings


@pytest.mark.parametrize("maker", ["Finder", "PowerShell 5.1", "Windows Explorer"])
async def test_a_project_runs_whoever_packed_it(client: Client, maker: str) -> None:
    name = unique("packed")
    warnings = await deployed(client, name, MAKERS[maker](PROJECT))
    assert [words.partition(":")[0] for words in warnings] == (
        ["Left out 5 files that macOS or Windows added"] if maker == "Finder" else []
    )
    run = await client.run_to_end(name)
    assert [*filter(None, await client.output_of(run))] == ["tool", "data"]
    await client.delete(job_url("triggered", name))


async def test_links_arrive_in_the_working_copy_and_others_are_warned_of(client: Client) -> None:
    name = unique("linked")
    files = {
        "node_modules/tool/cli.sh": "#!/bin/sh\necho linked\n",
        "start.sh": "node_modules/.bin/tool; ls\n",
    }
    warnings = await deployed(client, name, info_zip(files, LINKS | {"run.sh": "start.sh"}))
    assert warnings == ["Left out 2 links that lead out of the job's folder: out, up."]
    run = await client.run_to_end(name)
    assert await client.output_of(run) == ["linked", "node_modules", "run.sh", "start.sh"]
    await client.delete(job_url("triggered", name))


async def test_a_dropped_folder_with_links_pipes_and_litter_is_a_job(
    client: Client, stack: RunningStack
) -> None:
    name = unique("dropped")
    folder = stack.jobs / "triggered" / name
    (folder / "node_modules" / ".bin").mkdir(parents=True)
    (folder / "node_modules" / "tool.sh").write_text("#!/bin/sh\necho linked\n")
    (folder / "node_modules" / "tool.sh").chmod(0o755)
    for path, target in {"node_modules/.bin/tool": "../tool.sh", "out": "/etc", "up": "../../x"}.items():
        (folder / path).symlink_to(target)
    os.mkfifo(folder / "pipe")
    (folder / ".DS_Store").touch()
    descriptor = os.open(folder, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{descriptor}/s")  # the path itself may be too long
        os.close(descriptor)
        (folder / "run.sh").write_text("node_modules/.bin/tool\n")

    async def is_a_job() -> bool:
        return (await client.get(f"/api/triggeredwebjobs/{name}")).status == 200

    await eventually(is_a_job, 30)
    assert (await client.get(f"/api/triggeredwebjobs/{name}")).json["warnings"] == [
        "Left out 2 links that lead out of the job's folder: out, up.",
        "Left out 2 pipes, sockets or devices: pipe, s.",
        "Left out a file that macOS or Windows added: .DS_Store.",
    ]
    assert await client.output_of(await client.run_to_end(name)) == ["linked"]
    await client.delete(job_url("triggered", name))
    assert not folder.exists()
