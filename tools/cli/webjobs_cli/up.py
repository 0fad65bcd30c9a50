"""`webjobs up`: the whole stack in the foreground until a signal stops it."""

import asyncio
import os
import signal
from pathlib import Path

from webjobs_rules.app_settings import is_credential
from webjobs_service.credential_handover import close_to_others, erase_variables
from webjobs_stack.stack import Stack, StackOptions

from webjobs_cli.json_lines import UP, JsonLines, is_json
from webjobs_cli.terminal import Terminal

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(data: Path, host: str, port: int, runners: int) -> None:
    """Run until SIGINT or SIGTERM, then stop all in order.

    Raises:
        WebJobsError: Something could not start; what was started is stopped.
    """
    environment = dict(os.environ)
    close_to_others()
    erase_variables({name for name in environment if is_credential(name)})
    if is_json(environment):
        _log_json()
    asyncio.run(_up(StackOptions(data, environment, host, port, runners)))


async def _up(options: StackOptions) -> None:
    terminal = JsonLines() if is_json(options.environment) else Terminal()
    asked = asyncio.Event()
    hurry = asyncio.Event()

    def on_signal() -> None:
        if asked.is_set():
            hurry.set()
        else:
            terminal.stopping()
            asked.set()

    for number in _STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    stack = Stack(options, terminal, hurry)
    running = asyncio.create_task(_run(stack, terminal, "WEBJOBS_USERNAME" in options.environment))
    stop = asyncio.create_task(asked.wait())
    try:
        await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.cancel()
        running.cancel()
        (result,) = await asyncio.gather(running, return_exceptions=True)
        await stack.stop()
        terminal.close()
    if isinstance(result, Exception):
        raise result


async def _run(stack: Stack, terminal: Terminal | JsonLines, login: bool) -> None:
    await stack.start()
    terminal.welcome(stack.url, stack.folder.jobs, login, stack.missing)
    await stack.run()


def _log_json() -> None:
    """Let what this process itself logs, uncaught exceptions included, be JSON lines as well."""
    # Only here: these imports would delay every other start.
    from webjobs_service.logs import configure_logs
    from webjobs_service.settings import LogFormat, LogLevel

    configure_logs(UP, LogLevel.INFO, LogFormat.JSON)
