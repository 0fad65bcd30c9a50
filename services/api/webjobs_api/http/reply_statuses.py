"""How runners end commands → HTTP statuses; pure."""

from collections.abc import Mapping

from webjobs_events.commands import ReplyCode

REPLY_STATUSES: Mapping[ReplyCode, int] = {
    ReplyCode.BAD_UPLOAD: 400,
    ReplyCode.NO_RUNNABLE_SCRIPT: 400,
    ReplyCode.INVALID_SETTINGS: 400,
    ReplyCode.INVALID_DEPENDENCIES: 400,
    ReplyCode.DEPENDENCIES_UNAVAILABLE: 503,
    ReplyCode.TOO_LARGE: 413,
    ReplyCode.JOB_NOT_FOUND: 404,
    ReplyCode.VERSION_GONE: 410,
    ReplyCode.PRECONDITION: 412,
    ReplyCode.FAILED: 500,
    ReplyCode.NO_SPACE: 507,
}
