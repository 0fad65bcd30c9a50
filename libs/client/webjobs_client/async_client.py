"""The client for programs with asyncio. Needs aiohttp; only this module and its transport import it."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import aiohttp

from webjobs_client import flows, operations
from webjobs_client.address import address_of
from webjobs_client.aiohttp_transport import AiohttpTransport
from webjobs_client.client import Client, Run, describe_as_method, new_key
from webjobs_client.exchange import Broken, Emit, Now, Open, Pause, Plan, Read, Send
from webjobs_client.models import (
    Deployment,
    Event,
    IfRunning,
    JobDetails,
    JobRow,
    JobType,
    RunDetails,
    RunKey,
)
from webjobs_client.operations import Operation, perform
from webjobs_client.packing import Package, package_of
from webjobs_client.run_state import RunState
from webjobs_client.tries import Terms

if TYPE_CHECKING:
    import ssl

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def _documented_by(method: Callable[..., Any]) -> Callable[[F], F]:
    def documented(function: F) -> F:
        function.__doc__ = method.__doc__
        return function

    return documented


def _returns(
    make: Callable[P, Operation[T]],
) -> Callable[Concatenate["AsyncClient", P], Coroutine[Any, Any, T]]:
    """The method that does an operation and returns its result."""

    @wraps(make)
    async def method(client: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await client._do(make(*args, **kwargs))

    describe_as_method(method, skipped=0)
    return method


def _iterates(
    kind: type[T], flow: Callable[Concatenate[Terms, P], Plan[None]]
) -> Callable[Concatenate["AsyncClient", P], AsyncGenerator[T, None]]:
    """The method that iterates over what a flow emits; closing the iterator closes its connection."""

    @wraps(flow)
    def method(client: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[T, None]:
        return client._emitted(flow(client._terms, *args, **kwargs))

    describe_as_method(method, skipped=1)
    return method


def _iterates_over_events() -> Callable[..., AsyncGenerator[Event, None]]:
    """The method `events`: by the api, or by NATS where the client has its address."""

    @wraps(flows.events)
    def method(client: "AsyncClient", /, **selection: Any) -> AsyncGenerator[Event, None]:
        if client._nats is None:
            return client._emitted(flows.events(client._terms, **selection))
        from webjobs_client import nats_events

        return nats_events.follow(
            client._nats,
            namespace=client._nats_namespace,
            retry_for=client._terms.retry_for,
            **selection,
        )

    describe_as_method(method, skipped=1)
    return method


class AsyncClient:
    """Speaks to one api of webjobs as `Client` does, with the same arguments.

    Each method is awaited, or iterated over with `async for`.

    Args:
        nats: Address of NATS, with a login where that is needed: then `events` reads from its stream instead
            of from the api. Needs nats-py: `pip install webjobs-client[nats]`.
        nats_namespace: `WEBJOBS_NAMESPACE` of the services.
    """

    def __init__(
        self,
        url: str | None = None,
        username: str | None = None,
        password: str | None = None,
        *,
        timeout: float = 60.0,
        retry_for: float = 10.0,
        user_agent: str = "webjobs-client",
        tls: "ssl.SSLContext | None" = None,
        nats: str | None = None,
        nats_namespace: str = "webjobs",
    ) -> None:
        address = address_of(url, username, password, os.environ)
        self.url = address.url
        """Address of the api, without credentials."""
        self._terms = Terms(address.url, retry_for)
        self._nats = nats
        self._nats_namespace = nats_namespace
        self._transport = AiohttpTransport(address, timeout, user_agent, tls)

    jobs = _iterates(JobRow, flows.jobs)
    job = _returns(operations.job)
    overview = _returns(operations.overview)
    delete = _returns(operations.delete)
    bulk = _returns(operations.bulk)
    refusals = _returns(operations.refusals)
    why = _returns(operations.why)
    acknowledge = _returns(operations.acknowledge)
    acknowledge_hook = _returns(operations.acknowledge_hook)
    acknowledgements = _returns(operations.acknowledgements)
    withdraw_acknowledgement = _returns(operations.withdraw_acknowledgement)

    runs = _iterates(RunDetails, flows.runs)
    run_page = _returns(operations.run_page)
    run_details = _returns(operations.run_details)
    bulk_runs = _returns(operations.bulk_runs)
    cancel = _returns(operations.cancel)

    start = _returns(operations.start)
    stop = _returns(operations.stop)
    restart = _returns(operations.restart)

    log = _returns(operations.log)
    log_window = _returns(operations.log_window)
    log_search = _returns(operations.log_search)
    follow_log = _iterates(str, flows.follow_log)
    job_log = _returns(operations.job_log)
    follow_job_log = _iterates(str, flows.follow_job_log)

    settings = _returns(operations.settings)
    put_settings = _returns(operations.put_settings)
    patch_settings = _returns(operations.patch_settings)
    app_settings = _returns(operations.app_settings)
    app_setting = _returns(operations.app_setting)
    set_app_settings = _returns(operations.set_app_settings)
    delete_app_setting = _returns(operations.delete_app_setting)

    schedule = _returns(operations.schedule)
    versions = _returns(operations.versions)
    version_diff = _returns(operations.version_diff)
    deployment = _returns(operations.deployment)
    deployments = _returns(operations.deployments)
    deployment_log = _returns(operations.deployment_log)
    follow_deployment = _iterates(str, flows.follow_deployment)

    hooks = _returns(operations.hooks)
    hook = _returns(operations.hook)
    add_hook = _returns(operations.add_hook)
    change_hook = _returns(operations.change_hook)
    delete_hook = _returns(operations.delete_hook)
    hook_deliveries = _returns(operations.hook_deliveries)
    redeliver = _returns(operations.redeliver)
    test_hook = _returns(operations.test_hook)

    events = _iterates_over_events()
    health = _returns(operations.health)
    system = _returns(operations.system)
    request = _returns(operations.request)

    @_documented_by(Client.run)
    async def run(
        self,
        job: str,
        arguments: Sequence[str] = (),
        *,
        if_running: IfRunning = "fail",
        idempotency_key: str | None = None,
    ) -> "AsyncRun":
        key = idempotency_key or new_key()
        operation = operations.start_run(job, arguments, if_running=if_running, idempotency_key=key)
        return AsyncRun(self, await self._do(operation))

    @_documented_by(Client.rerun)
    async def rerun(
        self,
        job: str,
        run_id: str,
        arguments: Sequence[str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> "AsyncRun":
        key = idempotency_key or new_key()
        return AsyncRun(
            self, await self._do(operations.start_rerun(job, run_id, arguments, idempotency_key=key))
        )

    @_documented_by(Client.find_run)
    async def find_run(self, job: str, run_id: str) -> "AsyncRun":
        return AsyncRun(self, RunKey(job=job, id=run_id), await self.run_details(job, run_id))

    @_documented_by(Client.deploy)
    async def deploy(
        self,
        job: str,
        source: "str | os.PathLike[str] | bytes",
        *,
        job_type: JobType = "triggered",
        file_name: str | None = None,
        include: Iterable[str] = (),
        progress: Callable[[int], None] | None = None,
    ) -> JobDetails:
        packing = asyncio.to_thread(package_of, source, file_name=file_name, include=include)
        with await packing as package:
            return await self.deploy_package(job, package, job_type=job_type, progress=progress)

    @_documented_by(Client.deploy_package)
    async def deploy_package(
        self,
        job: str,
        package: Package,
        *,
        job_type: JobType = "triggered",
        progress: Callable[[int], None] | None = None,
        watch: Callable[[str], None] | None = None,
        upgrade: bool = False,
    ) -> JobDetails:
        upload = package.upload.counted(progress) if progress else package.upload
        operation = operations.deploy_upload(
            job,
            upload,
            job_type=job_type,
            file_name=package.file_name,
            is_async=watch is not None,
            upgrade=upgrade,
        )
        plan = flows.deployed(self._terms, operation, job, job_type, follow=watch is not None)
        return await self._value(plan, watch)

    @_documented_by(Client.begin_deployment)
    async def begin_deployment(
        self,
        job: str,
        package: Package,
        *,
        job_type: JobType = "triggered",
        progress: Callable[[int], None] | None = None,
    ) -> JobDetails | Deployment:
        upload = package.upload.counted(progress) if progress else package.upload
        return await self._do(
            operations.deploy_upload(
                job, upload, job_type=job_type, file_name=package.file_name, is_async=True
            )
        )

    @_documented_by(Client.wait_for_deployment)
    async def wait_for_deployment(self, deployment_id: str, timeout: float | None = None) -> Deployment:
        return await self._value(flows.wait_for_deployment(self._terms, deployment_id, timeout))

    @_documented_by(Client.restore)
    async def restore(self, job: str, digest: str, *, job_type: JobType = "triggered") -> JobDetails:
        operation = operations.restore(job, digest, job_type=job_type)
        return await self._value(flows.deployed(self._terms, operation, job, job_type))

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self.url!r})"

    async def _do(self, operation: Operation[T]) -> T:
        return await self._value(perform(operation, self._terms))

    async def _value(self, plan: Plan[T], watch: Callable[[Any], None] | None = None) -> T:
        returned: list[T] = []
        async for item in self._emitted(plan, returned.append):
            if watch is not None:
                watch(item)
        return returned[0]

    async def _emitted(
        self, plan: Plan[T], returned: Callable[[T], None] = lambda _: None
    ) -> AsyncGenerator[Any, None]:
        """Carries out a plan; yields what it emits."""
        stream: aiohttp.ClientResponse | None = None
        result: Any = None
        broken: Broken | None = None
        try:
            while True:
                try:
                    step = plan.send(result) if broken is None else plan.throw(broken)
                except StopIteration as end:
                    returned(end.value)
                    return
                result = broken = None
                try:
                    match step:
                        case Emit(item):
                            yield item
                        case Send(request):
                            result = await self._transport.send(request)
                        case Open(request):
                            if stream is not None:
                                stream.close()
                            result, stream = await self._transport.open(request)
                        case Read():
                            result = await self._transport.read(stream) if stream is not None else b""
                        case Pause(seconds):
                            await asyncio.sleep(seconds)
                        case Now():
                            result = time.monotonic()
                except Broken as error:
                    broken = error
        finally:
            plan.close()
            if stream is not None:
                stream.close()


class AsyncRun(RunState):
    """The handle of a run: `(await run.wait()).exit_code`."""

    def __init__(self, client: AsyncClient, key: RunKey, details: RunDetails | None = None) -> None:
        super().__init__(key, details)
        self._client = client

    @_documented_by(Run.refresh)
    async def refresh(self) -> "AsyncRun":
        self.details = await self._client.run_details(self.job, self.id)
        return self

    @_documented_by(Run.wait)
    async def wait(self, timeout: float | None = None) -> "AsyncRun":
        client = self._client
        self.details = await client._value(flows.wait_for_run(client._terms, self.job, self.id, timeout))
        return self

    @_documented_by(Run.log)
    async def log(self) -> str:
        return await self._client.log(self.job, self.id)

    @_documented_by(Run.logs)
    def logs(self) -> AsyncGenerator[str, None]:
        return self._client.follow_log(self.job, self.id)

    @_documented_by(Run.cancel)
    async def cancel(self) -> None:
        await self._client.cancel(self.job, self.id)

    @_documented_by(Run.rerun)
    async def rerun(self, arguments: Sequence[str] | None = None) -> "AsyncRun":
        return await self._client.rerun(self.job, self.id, arguments)
