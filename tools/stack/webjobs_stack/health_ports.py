"""Where runners and history serve their own `/healthz` and `/metrics` under `webjobs up`."""

from collections.abc import Mapping
from dataclasses import dataclass

from webjobs_stack.errors import InvalidSetting, PortTaken
from webjobs_stack.ports import becomes_free, free_port

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class HealthPorts:
    """An address for each runner and for history.

    Attributes:
        host: WEBJOBS_HEALTH_HOST, or loopback.
        first: WEBJOBS_HEALTH_PORT: the port of the first runner, as when the services run alone; the next
            one is that of history, those after it are for further runners. 0: any free ports.
        runners: How many there are.
    """

    host: str
    first: int
    runners: int

    def of_runner(self, index: int) -> int:
        """The port of a runner."""
        if not self.first:
            return free_port(self.host)
        return self.first + index + (1 if index else 0)

    @property
    def of_history(self) -> int:
        """The port of history."""
        return self.first + 1 if self.first else free_port(self.host)

    async def require_free(self, api_port: int) -> None:
        """Check the fixed ports.

        Raises:
            InvalidSetting: The port of the api is one of them.
            PortTaken: Another program listens on one of them.
            AddressUnusable: The host is no address of this machine.
        """
        if not self.first:
            return
        last = self.first + self.runners
        if self.first <= api_port <= last:
            wanted = f"the first of {self.runners + 1} ports for health; {api_port} is that of the api"
            raise InvalidSetting("WEBJOBS_HEALTH_PORT", str(self.first), wanted)
        for port in range(self.first, last + 1):
            if not await becomes_free(self.host, port):
                choose = f"set WEBJOBS_HEALTH_PORT to the first of {self.runners + 1} free ports"
                raise PortTaken("health", self.host, port, choose)


def health_ports(environment: Mapping[str, str], runners: int) -> HealthPorts:
    """The ports that the environment asks for.

    Raises:
        InvalidSetting: It asks for what are no ports.
    """
    name = "WEBJOBS_HEALTH_PORT"
    given = environment.get(name, "") or "0"
    highest = 65_535 - runners
    if not (given.isascii() and given.isdigit() and int(given) <= highest):
        wanted = f"a port number, 1 to {highest}, or 0 for free ports; it is the first of {runners + 1}"
        raise InvalidSetting(name, given, wanted)
    return HealthPorts(environment.get("WEBJOBS_HEALTH_HOST", "") or HOST, int(given), runners)
