"""The whole of webjobs on one machine: servers, then services; stopped in the reverse order."""

import asyncio
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from webjobs_rules.errors import WebJobsError
from webjobs_service.credentials import without_credentials
from webjobs_service.lifetime import cancel_all

from webjobs_stack.announce import Announcer
from webjobs_stack.disk_watch import DiskWatch, spare_bytes
from webjobs_stack.environment import api_spec, history_spec, public_variables, runner_spec
from webjobs_stack.errors import DidNotStart, InvalidSetting, PortTaken, RestoreUnfinished, ServiceRefused
from webjobs_stack.folder import DataFolder
from webjobs_stack.health import reachable
from webjobs_stack.health_ports import HealthPorts, health_ports
from webjobs_stack.nats_config import NAMESPACE, NatsLogins
from webjobs_stack.nats_server import NatsServer
from webjobs_stack.ports import becomes_free
from webjobs_stack.postgres import Postgres
from webjobs_stack.services import Service, ServiceSpec
from webjobs_stack.supervise import Daemon, announce_start, keep_running

_FAULTY_SETTINGS = 2  # exit code of a service
_DEGRADED_SECONDS = 5.0  # that services have to become ready when a part of the stack is missing
_QUIET_SECONDS = 5.0  # that a start takes before it is announced that it goes on
_FIRST_START = "the first start makes the database, which takes a few seconds"
_WITHOUT_HISTORY = (
    "Jobs run without Postgres and history; their runs are shown again when both are back. "
    "If the database is damaged, stop everything and run `webjobs repair history`, which makes a new one."
)


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What `webjobs up` was asked for."""

    data: Path
    environment: Mapping[str, str]
    """The caller's variables: passed on to the services; some are read here."""
    host: str = "127.0.0.1"
    port: int = 8080
    runners: int = 1
    api_module: str = "webjobs_api"
    runner_module: str = "webjobs_runner"
    history_module: str = "webjobs_history"


class Stack:
    """Starts everything, keeps it running, stops everything; as a context manager, or step by step."""

    def __init__(
        self, options: StackOptions, announce: Announcer, hurry: asyncio.Event | None = None
    ) -> None:
        """Nothing is started yet; setting `hurry` cuts the deadlines of a stop short."""
        self.folder = DataFolder(options.data)
        self._options = options
        self._announce = announce
        self._hurry = hurry or asyncio.Event()
        self._lock: int | None = None
        self._groups: list[list[Daemon]] = []
        self._supervision: dict[Daemon, asyncio.Task[None]] = {}
        self._disk: DiskWatch | None = None
        self._failed: set[str] = set()
        self._watching: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        """Where the api answers."""
        host = reachable(self._options.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self._options.port}"

    @property
    def missing(self) -> list[str]:
        """Parts that were not ready when the stack had started; jobs run without them."""
        unready = {daemon.name for group in self._groups for daemon in group if daemon.problem is not None}
        return sorted(self._failed | unready)

    async def start(self) -> None:
        """Start servers, then services; each group together, the next when all of it is ready.

        Jobs run without Postgres and history: when these two cannot start, the rest does.

        Raises:
            WebJobsError: Something could not start; call `stop` then, too.
        """
        options = self._options
        _require_one_replica(options.environment)
        nats_port = _port_setting(options.environment, "WEBJOBS_NATS_PORT")
        ports = health_ports(options.environment, options.runners)
        reserve_mb = _megabytes_setting(options.environment, "WEBJOBS_DISK_RESERVE_MB")
        self.folder.make()
        self._lock = await self.folder.lock(
            lambda: self._announce.waiting_for_a_killed_stack(self.folder.path)
        )
        if self.folder.unfinished_restore.exists():
            raise RestoreUnfinished(self.folder.path)
        if not await becomes_free(options.host, options.port):
            raise PortTaken("the api", options.host, options.port, "choose another one with --port")
        await ports.require_free(options.port)
        spare = spare_bytes(self.folder.path, reserve_mb)
        nats = NatsServer(
            self.folder.nats,
            port=nats_port,
            logins=NatsLogins(),
            namespace=namespace_of(options.environment),
            environment=public_variables(options.environment),
            keep_open=[self._lock],
            spare_bytes=spare,
        )
        postgres = Postgres(self.folder.postgres, keep_open=[self._lock])
        nats_url = options.environment.get("WEBJOBS_NATS_URL", "")
        database_url = options.environment.get("WEBJOBS_DATABASE_URL", "")
        for name, url in (("nats", nats_url), ("postgres", database_url)):
            if url:
                self._announce.uses(name, without_credentials(url))
        self._disk = DiskWatch(self.folder.path, None if nats_url else nats, spare, self._announce)
        await self._start_together(
            [server for server, url in ((nats, nats_url), (postgres, database_url)) if not url]
        )
        self._watching.append(asyncio.create_task(self._disk.run(), name="disk watch"))
        operator_url = None if nats_url else nats.url_of("operator")
        self.folder.write_operator_url(operator_url)
        await self._start_services(
            lambda user: nats_url or nats.url_of(user), database_url or postgres.url, ports
        )
        self.folder.write_api_url(self.url)

    async def run(self) -> None:
        """Return never: keep everything running until cancelled. A fault in that itself is raised here."""
        done, _ = await asyncio.wait(
            [*self._watching, *self._supervision.values()], return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Stop all that was started, last things first; harmless at any time."""
        await cancel_all(*self._watching)
        while self._groups:
            group = self._groups.pop()
            await asyncio.gather(*(self._stop(daemon) for daemon in group))
        if self._lock is not None:
            self.folder.write_operator_url(None)
            self.folder.write_api_url(None)
            os.close(self._lock)
            self._lock = None

    async def __aenter__(self) -> "Stack":
        """Start; if that fails, stop what was started."""
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    async def _start_services(
        self, nats_url: Callable[[str], str], database_url: str, ports: HealthPorts
    ) -> None:
        """All of them together, though they are stopped in order: api, runners, history."""
        options = self._options
        caller = options.environment
        history = history_spec(
            caller,
            nats_url("history"),
            options.history_module,
            database_url=database_url,
            health_host=ports.host,
            health_port=ports.of_history,
        )
        runners = [
            runner_spec(
                caller,
                nats_url("runner"),
                options.runner_module,
                name="runner" if options.runners == 1 else f"runner-{index + 1}",
                data=self.folder.path,
                instance_id=self.folder.instance_id(index),
                health_host=ports.host,
                health_port=ports.of_runner(index),
            )
            for index in range(options.runners)
        ]
        api = api_spec(caller, nats_url("api"), options.api_module, options.host, options.port)
        await self._start_together(
            [self._service(history)], [self._service(r) for r in runners], [self._service(api)]
        )

    def _service(self, spec: ServiceSpec) -> Service:
        assert self._lock is not None
        return Service(
            spec,
            self._announce,
            keep_open=[self._lock],
            ready_seconds=_DEGRADED_SECONDS if self._failed else None,
            label=self.folder.label,
        )

    async def _start_together(self, *groups: Sequence[Daemon]) -> None:
        self._groups.extend(list(group) for group in groups)
        starting = [asyncio.create_task(self._start(daemon)) for group in groups for daemon in group]
        try:
            await asyncio.gather(*starting)
        finally:
            await cancel_all(*starting)

    async def _start(self, daemon: Daemon) -> None:
        started_at = time.monotonic()
        failed: WebJobsError | None = None
        why = _FIRST_START if isinstance(daemon, Postgres) and daemon.is_new else ""
        slow = asyncio.get_running_loop().call_later(
            0.0 if why else _QUIET_SECONDS, self._announce.starting, daemon.name, why
        )
        try:
            address = await daemon.start()
        except (DidNotStart, ServiceRefused) as error:
            if not _can_be_missing(daemon, error):
                raise
            failed = error
            self._failed.add(daemon.name)
            self._announce.output(daemon.name, _WITHOUT_HISTORY)
        else:
            announce_start(daemon, self._announce, time.monotonic() - started_at, address)
        finally:
            slow.cancel()
        assert self._disk is not None
        self._supervision[daemon] = asyncio.create_task(
            keep_running(daemon, self._announce, self._disk.until_room, failed)
        )

    async def _stop(self, daemon: Daemon) -> None:
        supervision = self._supervision.pop(daemon, None)
        if supervision is not None:
            await cancel_all(supervision)
        asked_at = time.monotonic()
        await daemon.stop(self._hurry)
        if supervision is not None:
            self._announce.stopped(daemon.name, time.monotonic() - asked_at)


def _can_be_missing(daemon: Daemon, error: WebJobsError) -> bool:
    """Whether jobs run without it; faulty settings stop every start all the same."""
    is_misconfigured = isinstance(error, ServiceRefused) and error.exit_code == _FAULTY_SETTINGS
    return daemon.name in ("postgres", "history") and not is_misconfigured


def _port_setting(environment: Mapping[str, str], name: str) -> int:
    value = environment.get(name, "")
    if not value:
        return 0
    if not (value.isascii() and value.isdigit() and 0 < int(value) < 65_536):
        raise InvalidSetting(name, value, "a port number, 1 to 65535")
    return int(value)


def _require_one_replica(environment: Mapping[str, str]) -> None:
    """Fail for replicas on the embedded NATS; what another one may have, the services check."""
    value = environment.get("WEBJOBS_NATS_REPLICAS", "")
    if value.strip() not in ("", "1") and not environment.get("WEBJOBS_NATS_URL"):
        expected = "1 with the embedded NATS, which is one server; WEBJOBS_NATS_URL names a cluster"
        raise InvalidSetting("WEBJOBS_NATS_REPLICAS", value, expected)


def _megabytes_setting(environment: Mapping[str, str], name: str) -> int | None:
    value = environment.get(name, "")
    if not value:
        return None
    if not (value.isascii() and value.isdigit()):
        raise InvalidSetting(name, value, "a number of megabytes, 0 or more")
    return int(value)


def namespace_of(environment: Mapping[str, str]) -> str:
    """The namespace of the services; one that they will refuse does not matter here."""
    given = environment.get("WEBJOBS_NAMESPACE", "")
    return given if re.fullmatch("[a-z][a-z0-9]*", given) else NAMESPACE
