"""The client for programs that wait for each answer."""

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from webjobs_client import flows, operations
from webjobs_client.address import address_of
from webjobs_client.exchange import Broken, Emit, Now, Open, Pause, Plan, Read, Send
from webjobs_client.http_transport import HttpStream, HttpTransport
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
from webjobs_client.run_state import RunState
from webjobs_client.tries import Terms

if TYPE_CHECKING:
    import ssl

    from webjobs_client.packing import Package

P = ParamSpec("P")
T = TypeVar("T")


def _returns(make: Callable[P, Operation[T]]) -> Callable[Concatenate["Client", P], T]:
    """The method that does an operation and returns its result."""

    @wraps(make)
    def method(client: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return client._do(make(*args, **kwargs))

    describe_as_method(method, skipped=0)
    return method


def _iterates(
    kind: type[T], flow: Callable[Concatenate[Terms, P], Plan[None]]
) -> Callable[Concatenate["Client", P], Iterator[T]]:
    """The method that iterates over what a flow emits; closing the iterator closes its connection."""

    @wraps(flow)
    def method(client: "Client", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return client._drive(flow(client._terms, *args, **kwargs))

    describe_as_method(method, skipped=1)
    return method


def describe_as_method(method: Any, *, skipped: int) -> None:
    """Gives a method that is made of a function the signature that `help` shows.

    Args:
        method: It takes the client instead of the function's first parameters.
        skipped: How many those are.
    """
    described = signature(method)
    first = Parameter("self", Parameter.POSITIONAL_ONLY)
    method.__signature__ = described.replace(
        parameters=[first, *list(described.parameters.values())[skipped:]]
    )


class Client:
    """Speaks to one api of webjobs. It may be used by several threads, and as a context that closes it.

    Args:
        url: Such as `https://jobs.example.com/webjobs`; by default `WEBJOBS_URL`, or `http://127.0.0.1:8080`.
        username: With `password` for HTTP Basic; without a url by default `WEBJOBS_USERNAME`.
        password: By default `WEBJOBS_PASSWORD`. It is in no message, text or log of this package.
        timeout: Seconds to wait for a connection, and for each part of an answer.
        retry_for: Seconds during which a request is sent again while the api cannot be reached or is away.
        user_agent: Names the program; events show it as what started a run.
        tls: For https with certificates of your own.

    Raises:
        InvalidRequest: The url is none.
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
    ) -> None:
        address = address_of(url, username, password, os.environ)
        self.url = address.url
        """Address of the api, without credentials."""
        self._terms = Terms(address.url, retry_for)
        self._transport = HttpTransport(address, timeout, user_agent, tls)

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

    events = _iterates(Event, flows.events)
    health = _returns(operations.health)
    system = _returns(operations.system)
    request = _returns(operations.request)

    def run(
        self,
        job: str,
        arguments: Sequence[str] = (),
        *,
        if_running: IfRunning = "fail",
        idempotency_key: str | None = None,
    ) -> "Run":
        """Starts a run of a triggered job; the request is sent again with one key until it is answered.

        Args:
            job: Name of the job.
            arguments: Each as the script gets it.
            if_running: When the job runs already: `fail` raises `AlreadyRunning`, unless the settings of the
                job allow another run; `join` returns the newest run that waits or goes on; `queue` starts
                one that waits until those before it have ended.
            idempotency_key: One of your own: for two days the same key starts no second run.

        Raises:
            AlreadyRunning: See `if_running`.
        """
        key = idempotency_key or new_key()
        operation = operations.start_run(job, arguments, if_running=if_running, idempotency_key=key)
        return Run(self, self._do(operation))

    def rerun(
        self,
        job: str,
        run_id: str,
        arguments: Sequence[str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> "Run":
        """Runs a job again with the arguments of a run, or with others; an empty list means none."""
        key = idempotency_key or new_key()
        return Run(self, self._do(operations.start_rerun(job, run_id, arguments, idempotency_key=key)))

    def find_run(self, job: str, run_id: str) -> "Run":
        """Returns the handle of a run that is there.

        Raises:
            RunNotFound: It is not.
        """
        return Run(self, RunKey(job=job, id=run_id), self.run_details(job, run_id))

    def deploy(
        self,
        job: str,
        source: "str | os.PathLike[str] | bytes",
        *,
        job_type: JobType = "triggered",
        file_name: str | None = None,
        include: Iterable[str] = (),
        progress: Callable[[int], None] | None = None,
    ) -> JobDetails:
        """Makes a folder, a zip archive or a script all of a job's files; its warnings are in the result.

        Args:
            job: Name of the job, which is created when it is not there.
            source: Path of a folder, an archive or a script; or the bytes of an archive or a script.
            job_type: `triggered` or `continuous`.
            file_name: Name of the script, for bytes.
            include: Patterns of files that are left out of a folder by default, such as `.env`.
            progress: Is called with the bytes that were sent so far.

        Raises:
            InvalidRequest: The files cannot be read, or are refused; the version before stays.
        """
        # The client of a program that deploys nothing starts without these.
        from webjobs_client.packing import package_of

        with package_of(source, file_name=file_name, include=include) as package:
            return self.deploy_package(job, package, job_type=job_type, progress=progress)

    def deploy_package(
        self,
        job: str,
        package: "Package",
        *,
        job_type: JobType = "triggered",
        progress: Callable[[int], None] | None = None,
        watch: Callable[[str], None] | None = None,
        upgrade: bool = False,
    ) -> JobDetails:
        """Makes what `packing.package_of` returned all of a job's files; waits however long it takes.

        Args:
            job: Name of the job.
            package: Its files.
            job_type: `triggered` or `continuous`.
            progress: Is called with the bytes that were sent so far.
            watch: Is called with each line of the log of the deployment.
            upgrade: Whether the versions of its packages are chosen again.
        """
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
        return self._value(plan, watch)

    def begin_deployment(
        self,
        job: str,
        package: "Package",
        *,
        job_type: JobType = "triggered",
        progress: Callable[[int], None] | None = None,
    ) -> JobDetails | Deployment:
        """Does the same without waiting for the end; returns the job when the server has not let it go on."""
        upload = package.upload.counted(progress) if progress else package.upload
        return self._do(
            operations.deploy_upload(
                job, upload, job_type=job_type, file_name=package.file_name, is_async=True
            )
        )

    def wait_for_deployment(self, deployment_id: str, timeout: float | None = None) -> Deployment:
        """Returns a deployment once it is done.

        Raises:
            TimedOut: It has not ended in this many seconds; it goes on.
            ClientError: It failed, as `deploy` raises.
        """
        return self._value(flows.wait_for_deployment(self._terms, deployment_id, timeout))

    def restore(self, job: str, digest: str, *, job_type: JobType = "triggered") -> JobDetails:
        """Deploys the files of an earlier version again; 8 digits of its digest or more name it."""
        operation = operations.restore(job, digest, job_type=job_type)
        return self._value(flows.deployed(self._terms, operation, job, job_type))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def _do(self, operation: Operation[T]) -> T:
        return self._value(perform(operation, self._terms))

    def _value(self, plan: Plan[T], watch: Callable[[Any], None] | None = None) -> T:
        driving = self._drive(plan)
        while True:
            try:
                item = next(driving)
            except StopIteration as end:
                result: T = end.value
                return result
            if watch is not None:
                watch(item)

    def _drive(self, plan: Plan[T]) -> Generator[Any, None, T]:
        """Carries out a plan; yields what it emits."""
        stream: HttpStream | None = None
        result: Any = None
        broken: Broken | None = None
        try:
            while True:
                try:
                    step = plan.send(result) if broken is None else plan.throw(broken)
                except StopIteration as end:
                    value: T = end.value
                    return value
                result = broken = None
                try:
                    match step:
                        case Emit(item):
                            yield item
                        case Send(request):
                            result = self._transport.send(request)
                        case Open(request):
                            if stream is not None:
                                stream.close()
                            result, stream = self._transport.open(request)
                        case Read():
                            result = stream.read() if stream is not None else b""
                        case Pause(seconds):
                            time.sleep(seconds)
                        case Now():
                            result = time.monotonic()
                except Broken as error:
                    broken = error
        finally:
            plan.close()
            if stream is not None:
                stream.close()


class Run(RunState):
    """The handle of a run: `client.run("job", ["a b"]).wait().exit_code`."""

    def __init__(self, client: Client, key: RunKey, details: RunDetails | None = None) -> None:
        super().__init__(key, details)
        self._client = client

    def refresh(self) -> "Run":
        """Looks at the run now; returns it."""
        self.details = self._client.run_details(self.job, self.id)
        return self

    def wait(self, timeout: float | None = None) -> "Run":
        """Returns the run once it has ended.

        Raises:
            TimedOut: It has not in this many seconds; it goes on.
        """
        client = self._client
        self.details = client._value(flows.wait_for_run(client._terms, self.job, self.id, timeout))
        return self

    def log(self) -> str:
        """Returns the log, as far as it is written."""
        return self._client.log(self.job, self.id)

    def logs(self) -> Iterator[str]:
        """Iterates over the lines of the log, as they are written, until its very end."""
        return self._client.follow_log(self.job, self.id)

    def cancel(self) -> None:
        """Requests that the run end; `wait` returns when it has."""
        self._client.cancel(self.job, self.id)

    def rerun(self, arguments: Sequence[str] | None = None) -> "Run":
        """Runs the job again with the arguments of this run, or with others."""
        return self._client.rerun(self.job, self.id, arguments)


def new_key() -> str:
    """Returns an Idempotency-Key."""
    return os.urandom(16).hex()
