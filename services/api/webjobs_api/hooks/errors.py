"""What can go wrong with hooks."""

from webjobs_rules.errors import WebJobsError


class InvalidHook(WebJobsError):
    """A hook, or something for hooks, that cannot be."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"Invalid hook: {reason}.")


class HookNotFound(WebJobsError):
    """No hook has this id, or no longer."""

    http_status = 404

    def __init__(self, hook_id: str) -> None:
        self.hook_id = hook_id
        super().__init__(f"There is no hook {hook_id[:60]!r}.")


class HookChanged(WebJobsError):
    """Another client changed or removed the hook at the same time."""

    http_status = 409

    def __init__(self, hook_id: str) -> None:
        self.hook_id = hook_id
        super().__init__(
            f"The hook {hook_id!r} was changed or removed at the same time. Read it again, then change it."
        )


class DeliveryNotFound(WebJobsError):
    """A delivery cannot be sent again: its event is not known here any more."""

    http_status = 404

    def __init__(self, delivery_id: str) -> None:
        self.delivery_id = delivery_id
        super().__init__(
            f"There is no delivery {delivery_id[:200]!r} of this hook to send again. The last 1,000 calls of "
            "14 days can be sent again, except tests, while their event is in the stream and the hook is "
            "for it."
        )


class HookConflict(WebJobsError):
    """An address is called for one thing only."""

    http_status = 409

    def __init__(self, url: str, event: str) -> None:
        self.url = url
        self.event = event
        super().__init__(
            f"A hook calls {url[:200]} for {event} already. Delete that one first, or use another url."
        )
