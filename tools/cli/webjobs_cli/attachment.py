"""Waits for a run, and prints its log meanwhile, until it ends or the person or system interrupts.

What the server sends is read in a thread. So an interrupt never breaks off a request: the main thread asks
what to do, and goes on where it was.
"""

import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple, TypeAlias

from webjobs_client import Client, ClientError
from webjobs_client.models import RunDetails

from webjobs_cli.errors import FAILED, TIMED_OUT, CommandError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LONGEST_WAIT = 3600.0  # seconds; a queue waits no longer than this at a time


class Interrupted(Exception):
    """A signal that ends the attachment came."""


class _Line(NamedTuple):
    text: str


class _NextRun(NamedTuple):
    id: str


class _End(NamedTuple):
    run: RunDetails


class _Wakeup(NamedTuple):
    pass


_Item: TypeAlias = _Line | _NextRun | _End | _Wakeup | Exception


class Attachment:
    """One run that a command waits for.

    Args:
        client: Of the server.
        job: Name of the job.
        run_id: Of the run; when it is tried again, the one that is waited for.
        print_line: Prints a line of the log; None does not read the log.
        may_ask: Whether a person can answer questions.
    """

    def __init__(
        self,
        client: Client,
        job: str,
        run_id: str,
        print_line: Callable[[str], None] | None,
        may_ask: bool,
    ) -> None:
        self._client = client
        self._job = job
        self.run_id = run_id
        self._print_line = print_line
        self._may_ask = may_ask
        self._is_question = False
        self._is_asking = False
        self._items: queue.SimpleQueue[_Item] = queue.SimpleQueue()

    def until_end(self, attached: Callable[[], None], timeout: float | None = None) -> RunDetails:
        """The run once it and all its further attempts have ended, and its log is printed to its very end.

        Args:
            attached: Is called when signals no longer end the process.
            timeout: Seconds to wait at most.

        Raises:
            CommandError: It was left alone, by a person or a signal, or after `timeout` seconds.
            ClientError: Contact was lost.
        """
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            with _handled(self._on_signal):
                attached()
                return self._follow(deadline)
        except Interrupted as interrupt:
            raise self._left_alone(f"Interrupted by {interrupt}") from None

    def _follow(self, deadline: float | None) -> RunDetails:
        while True:
            if self._is_question:
                self._is_question = False
                self._ask()
            match self._next(deadline):
                case _Line(text):
                    assert self._print_line is not None
                    self._print_line(text)
                case _NextRun(run_id):
                    self.run_id = run_id
                case _End(run):
                    return run
                case Exception() as error:
                    raise error

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        """Raise `Interrupted`; but after Ctrl-C, of which a person is asked, first print what came whole."""
        if number == signal.SIGINT and self._may_ask and not self._is_asking:
            self._is_question = True
            self._items.put(_Wakeup())
        else:
            raise Interrupted(signal.Signals(number).name)

    def _next(self, deadline: float | None) -> _Item:
        while True:
            left = _LONGEST_WAIT if deadline is None else deadline - time.monotonic()
            try:
                return self._items.get(timeout=min(max(left, 0.0), _LONGEST_WAIT))
            except queue.Empty:
                if deadline is not None and time.monotonic() >= deadline:
                    raise self._left_alone("The time is over", TIMED_OUT, "timed_out") from None

    def _read(self) -> None:
        """Read the run and its log into the queue; runs in a thread."""
        run_id = self.run_id
        try:
            while True:
                if self._print_line is not None:
                    for line in self._client.follow_log(self._job, run_id):
                        self._items.put(_Line(line))
                run = self._client.find_run(self._job, run_id).wait().details
                assert run is not None
                if run.next_run_id is None:
                    self._items.put(_End(run))
                    return
                run_id = run.next_run_id
                self._items.put(_NextRun(run_id))
        except Exception as error:
            self._items.put(error)

    def _ask(self) -> None:
        """Ask what to do after Ctrl-C; returns to go on."""
        question = f"\n{self._job}/{self.run_id} goes on. [c]ancel it, [d]etach or [g]o on? [d] "
        self._is_asking = True
        try:
            print(question, end="", file=sys.stderr, flush=True)
            answer = sys.stdin.readline().strip().lower()
        except Interrupted:
            print(file=sys.stderr)
            answer = ""
        finally:
            self._is_asking = False
        if answer.startswith("g"):
            print("Going on.", file=sys.stderr, flush=True)
            return
        if not answer.startswith("c"):
            raise self._left_alone("Detached")
        self._client.cancel(self._job, self.run_id)
        print("Cancelled; waiting for its end.", file=sys.stderr, flush=True)

    def _left_alone(self, why: str, exit_code: int = FAILED, code: str = "detached") -> CommandError:
        run = f"{self._job}/{self.run_id}"
        return CommandError(
            code,
            f"{why}; the run {run} goes on.",
            f"`webjobs wait {run}` waits for it, `webjobs logs -f {run}` shows its log, "
            f"`webjobs cancel {run}` ends it.",
            exit_code,
        )


def lost(error: ClientError, job: str, run_id: str) -> CommandError:
    """The error for a run of which nothing more is known."""
    return CommandError(
        error.code,
        error.message,
        f"{error.remedy} `webjobs wait {job}/{run_id}` waits for the run again.",
        FAILED,
    )


@contextmanager
def _handled(on_signal: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Signals that end the attachment are handled, unless they are ignored, as by `nohup`."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
