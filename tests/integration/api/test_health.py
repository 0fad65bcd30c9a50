from pathlib import Path

from support.eventually import eventually
from support.small_disk import small_disk
from webjobs_api.monitoring.health import stored_writes
from webjobs_events.jetstream import connect_bus
from webjobs_events.subjects import Subjects
from webjobs_stack.nats_server import run_nats_server


async def test_an_api_whose_jetstream_stores_nothing_is_not_ready_though_it_is_connected(
    tmp_path: Path, namespace: str
) -> None:
    with small_disk(tmp_path / "disk", 16) as disk:
        async with (
            run_nats_server(disk.path / "nats") as server,
            connect_bus(server.url, name="test", subjects=Subjects(namespace)) as bus,
        ):
            assert await stored_writes(bus).check() is None
            disk.fill()
            # The last page of the file has room for some more.
            finding = await eventually(lambda: stored_writes(bus).check())
            assert finding is not None and "no acknowledgement" in finding
            assert bus.is_connected
