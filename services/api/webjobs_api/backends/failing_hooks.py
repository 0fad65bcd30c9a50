"""The hooks whose calls keep failing, as the overview asks for them."""

from collections.abc import Sequence
from typing import Protocol

from aiohttp import web

from webjobs_api.backends.failing_hook import FailingHook, HookAcknowledgement


class FailingHooks(Protocol):
    """What is known in this process of hooks that keep failing."""

    def failing(self) -> Sequence[FailingHook]:
        """Every hook that keeps failing now."""

    def acknowledgements(self) -> Sequence[HookAcknowledgement]:
        """What is acknowledged of hooks: one of a hook, also of those that have delivered since."""

    async def acknowledge(self, given: HookAcknowledgement) -> None:
        """Store an acknowledgement in place of an earlier one of the hook.

        Raises:
            BusUnavailable: NATS does not answer.
        """

    async def withdraw(self, hook_id: str) -> None:
        """Remove the acknowledgement of a hook.

        Raises:
            BusUnavailable: NATS does not answer.
        """


FAILING_HOOKS = web.AppKey("failing_hooks", FailingHooks)
