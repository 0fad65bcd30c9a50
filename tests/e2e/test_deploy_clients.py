"""What `az webapp deploy` and the GitHub action send, in their order, against the whole stack."""

import json
from typing import Any

from support.archives import zip_of
from support.client import PATIENCE, TERMINAL, Client, lines_of, unique
from support.eventually import eventually
from support.receiver import receiving

BYTES = {"Content-Type": "application/octet-stream"}
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{PARENT}-01"


async def polled(client: Client, url: str) -> Any:
    """The deployment behind the address that is polled, once it is complete."""

    async def complete() -> Any:
        answer = await client.get(url)
        assert answer.status in (200, 202), answer.text
        assert (answer.status == 200) is answer.json["complete"]
        assert answer.json["complete"]
        return answer.json

    return await eventually(complete, PATIENCE)


async def ended(client: Client, url: str) -> Any:
    async def has_ended() -> Any:
        run = await client.json(url)
        assert run["status"] in TERMINAL, run
        return run

    return await eventually(has_ended, PATIENCE, interval=0.05)


async def test_the_action_deploys_a_package_and_its_job_runs_in_the_trace_of_each_request(
    client: Client,
) -> None:
    name = unique("action")
    run = f"App_Data/jobs/triggered/{name}/run.sh"
    package = zip_of({"index.html": "x", run: "echo parent=$TRACEPARENT\n"})
    async with receiving() as receiver:
        for event in ("PostDeployment", "Deployed"):
            hook = {"url": receiver.url(f"/{event}"), "event": event}
            assert (await client.post("/api/hooks", json=hook)).status == 201
        assert (await client.json("/diagnostics/runtime"))["system"]["os_name"] == "Unix"
        message = json.dumps({"type": "deployment", "sha": "9828abc"})
        query = {"isAsync": "true", "deployer": "GITHUB_ZIP_DEPLOY", "message": message}
        begun = await client.post(
            "/api/zipdeploy", params=query, data=package, headers={**BYTES, "traceparent": GIVEN}
        )
        assert begun.status == 202, begun.text
        done = await polled(client, begun.headers["Location"])
        assert (done["status"], done["message"], done["deployer"]) == (4, message, "GITHUB_ZIP_DEPLOY")
        log = (await client.json(done["log_url"]))[-1]
        assert (log["type"], log["details_url"]) == (0, None)
        (told,) = await receiver.has(1, "/PostDeployment")
        assert (told.json["id"], told.json["status"], told.json["complete"]) == (done["id"], "success", True)
        (event,) = [call for call in await receiver.has(1, "/Deployed") if call.json["job_name"] == name]
        assert told.headers["traceparent"] == event.headers["traceparent"] == GIVEN

    first = f"00-{TRACE[::-1]}-{PARENT}-00"
    started = await client.post(f"/api/triggeredwebjobs/{name}/run", headers={"traceparent": first})
    first_run = await ended(client, started.headers["Location"])
    again = await client.post(f"{first_run['url']}/rerun", headers={"traceparent": GIVEN})
    second_run = await ended(client, again.headers["Location"])
    for each, parent in ((first_run, first), (second_run, GIVEN)):
        lines = lines_of((await client.get(each["output_url"])).text)
        assert [line.text for line in lines if line.level == "INFO"] == [f"parent={parent}"]
    assert second_run["rerun_of"] == first_run["id"]
