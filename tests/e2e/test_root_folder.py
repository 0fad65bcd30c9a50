"""What a client of files finds at the root of a stack that no test has put anything into."""

from support.client import client_of
from support.stack import RunningStack


async def test_the_root_shows_what_is_for_people(rough_stack: RunningStack) -> None:
    async with client_of(rough_stack.url) as client:
        for address in ("/api/vfs/", "/vfs/"):
            assert [entry["name"] for entry in await client.json(address)] == ["LogFiles", "data", "site"]
        for hidden in ("nats/", "postgres/", "stack.id", "stack.lock", "data/.runner/"):
            assert (await client.get(f"/api/vfs/{hidden}")).status == 403
