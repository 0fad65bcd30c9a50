"""One deliverer for each hook and source, for as long as the hook is there."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import aiohttp
import structlog
from aiohttp import web
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, end_subscription, subscription_names
from webjobs_service.lifetime import cancel_all

from webjobs_api.hooks.back_off import HookTerms
from webjobs_api.hooks.connector import hook_session
from webjobs_api.hooks.deliverer import PREFIX, Deliverer, durable_name, stream_of
from webjobs_api.hooks.hook import Hook, Source
from webjobs_api.hooks.hooks import Hooks
from webjobs_api.hooks.rendering import Delivery
from webjobs_api.hooks.sender import Answer, send

log = structlog.stdlib.get_logger(__name__)

_RETRY_DELAY = 1.0  # seconds


class Dispatcher:
    """An async context manager: delivers while it is entered.

    Each hook has tasks of its own, so that a receiver that is away delays only its own deliveries.

    Args:
        allow_private: Whether hooks may call addresses that are not of the open internet.
    """

    def __init__(self, bus: Bus, hooks: Hooks, terms: HookTerms, *, allow_private: bool) -> None:
        self._bus = bus
        self._hooks = hooks
        self._terms = terms
        self._allow_private = allow_private
        self._session: aiohttp.ClientSession | None = None
        self._running: dict[str, list[asyncio.Task[None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Dispatcher":
        self._session = hook_session(allow_private=self._allow_private)
        self._hooks.on_change(self._changed)
        self._begin(self._sweep(), "sweep of hooks")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        tasks = [task for group in self._running.values() for task in group] + list(self._ending)
        await cancel_all(*tasks)
        assert self._session is not None
        await self._session.close()

    def _changed(self, before: Hook | None, after: Hook | None) -> None:
        if before == after:
            return
        if before is not None:
            kept = after.sources if after is not None and after.id == before.id else []
            unused = [source for source in before.sources if source not in kept]
            stopped = self._running.pop(before.id, [])
            self._begin(self._end(before, stopped, unused), f"end of hook {before.id}")
        if after is not None:
            self._running[after.id] = [
                asyncio.create_task(self._deliver(after, source), name=f"hook {after.id} {source}")
                for source in after.sources
            ]

    async def call(self, hook: Hook, delivery: Delivery, attempt: int) -> Answer:
        """Call a hook once, on request."""
        assert self._session is not None
        return await send(self._session, hook, delivery, attempt, self._terms.timeout)

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _deliver(self, hook: Hook, source: Source) -> None:
        while True:
            try:
                await self._deliverer(hook, source).run()
            except Exception:  # whatever it is, it must not end this hook nor the others
                log.exception("a hook's deliveries failed", hook=hook.id, source=source.value)
            await asyncio.sleep(_RETRY_DELAY)

    async def _end(self, hook: Hook, tasks: Sequence[asyncio.Task[None]], unused: Sequence[Source]) -> None:
        await cancel_all(*tasks)
        for source in unused:
            try:
                await self._deliverer(hook, source).forget()
            except BusUnavailable as error:  # swept away at the next start
                log.info("subscription of a removed hook stays for now", hook=hook.id, error=str(error))

    def _deliverer(self, hook: Hook, source: Source) -> Deliverer:
        assert self._session is not None
        return Deliverer(self._bus, self._hooks, self._session, self._terms, hook, source)

    async def _sweep(self) -> None:
        """Remove what was left of hooks by an api that was killed while it removed them."""
        try:
            left = [
                (source, name)
                for source in Source
                for name in await subscription_names(self._bus, stream_of(self._bus, source))
                if name.startswith(PREFIX)
            ]
            # Asked afterwards: a hook is there before its subscription.
            known = {durable_name(hook.id) for hook in await self._hooks.stored()} if left else set()
            for source, name in left:
                if name not in known:
                    await end_subscription(self._bus, stream_of(self._bus, source), name)
            await self._hooks.sweep()
        except BusUnavailable as error:
            log.info("subscriptions of removed hooks stay for now", error=str(error))


DISPATCHER = web.AppKey("dispatcher", Dispatcher)
