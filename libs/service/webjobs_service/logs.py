"""Structured logs to standard error, configured once: structlog and the standard library alike."""

import logging
import sys
import threading
from types import TracebackType

import structlog
from structlog.types import Processor

from webjobs_service.colours import has_colours
from webjobs_service.settings import LogFormat, LogLevel

log = structlog.stdlib.get_logger(__name__)

# Libraries that log every request or reconnection attempt at INFO.
_QUIET_LOGGERS = ("aiohttp.access", "alembic", "asyncio", "nats")


def configure_logs(service: str, level: LogLevel, form: LogFormat) -> None:
    """Make structlog and `logging` write lines of one form, each naming its service."""
    on_terminal = sys.stderr.isatty()
    as_console = form is LogFormat.CONSOLE or (form is LogFormat.AUTO and on_terminal)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_console(has_colours(sys.stderr)) if as_console else _json(service)),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_of_thread


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Log what ends the process: as one line, where lines are JSON."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("uncaught exception", exc_info=(kind, error, trace))


def _log_uncaught_of_thread(failure: threading.ExceptHookArgs) -> None:
    """Log what ends a thread."""
    if failure.exc_value is not None:
        log.critical(
            "uncaught exception in a thread",
            thread=failure.thread.name if failure.thread else "",
            exc_info=failure.exc_value,
        )


def _console(colors: bool) -> list[Processor]:
    # Plain tracebacks: the rich ones print the values of local variables, secrets among them.
    return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)]


def _json(service: str) -> list[Processor]:
    def name_service(
        _logger: object, _method: str, event: structlog.types.EventDict
    ) -> structlog.types.EventDict:
        event["service"] = service
        return event

    return [
        name_service,
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(),
    ]
