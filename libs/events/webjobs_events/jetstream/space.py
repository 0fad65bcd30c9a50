"""Which errors mean that there is no space left, in JetStream or on this machine's disk."""

import errno

from nats.js import errors as js_errors

_CODES = frozenset({10023, 10047})  # JSInsufficientResourcesErr, JSStorageResourcesExceededErr
_TEXT = "no space left on device"
_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_refused_for_space(code: int, description: str) -> bool:
    """Whether JetStream refuses a message, by its error, because it has no space for it."""
    return code in _CODES or _TEXT in description


def lacks_space(error: BaseException) -> bool:
    """Whether an error of the client, or of this machine's disk, means that there is no space."""
    if isinstance(error, js_errors.APIError):
        return is_refused_for_space(error.err_code or 0, error.description or "")
    return isinstance(error, OSError) and error.errno in _ERRNOS
