"""Looks whether a continuous job answers on its WEBJOBS_PORT, as its settings ask for."""

import asyncio
import time
from collections.abc import Callable

import aiohttp
from webjobs_rules.job_settings import HealthCheck
from yarl import URL

from webjobs_runner.domain.health import failures_after, is_sick
from webjobs_runner.logs.script_log import ScriptLog

_LOOPBACKS = ("127.0.0.1", "[::1]")
_BAD = 400  # the first HTTP status that is no good answer


class HealthWatch:
    """Watches one life of a script.

    Args:
        check: What to look at, and when.
        port: Where the script listens.
        log: Gets a line for every failure.
        found_sick: Called once, with the evidence, after too many failures in a row.
    """

    def __init__(
        self, check: HealthCheck, port: int, log: ScriptLog, found_sick: Callable[[str], None]
    ) -> None:
        self._check = check
        self._port = port
        self._log = log
        self._found_sick = found_sick
        self.failures: int | None = None
        """Failed checks in a row; None before the first one."""

    async def run(self) -> None:
        """Look until the script is found sick, or cancelled."""
        check, failures, started_at = self._check, 0, time.monotonic()
        while not is_sick(check, failures):
            await asyncio.sleep(check.interval)
            fault = await self._probe()
            age = time.monotonic() - started_at
            failures = failures_after(check, failures, is_good=fault is None, age_seconds=age)
            self.failures = failures
            if fault is not None:
                counted = f"{failures} of {check.failures}" if failures else "it is still starting"
                self._log.write_system(f"Health check GET {check.path}: {fault} ({counted})", "SYS WARN")
        self._found_sick(
            f"The health check GET {check.path} on port {self._port} failed {failures} times in a row, "
            f"last because of this: {fault}."
        )

    async def _probe(self) -> str | None:
        """What is wrong; None when the answer is good."""
        timeout = aiohttp.ClientTimeout(total=self._check.timeout)
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as client:
            for address in _LOOPBACKS:
                url = URL(f"http://{address}:{self._port}{self._check.path}", encoded=True)
                try:
                    async with client.get(url, allow_redirects=False) as answer:
                        return None if answer.status < _BAD else f"the answer is {answer.status}"
                except aiohttp.ClientConnectorError:
                    continue
                except TimeoutError:
                    return f"no answer within {self._check.timeout:g} s"
                except (aiohttp.ClientError, OSError) as error:
                    return str(error) or type(error).__name__
        return "nothing listens"
