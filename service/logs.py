"""Log lines: JSON when a machine reads them, coloured in a terminal; never a word of a shopper's.

Ours are events with fields (`_log.info("bundle_serves", version=...)`). Lines of uvicorn, asyncio and warnings go
through the same renderer. Of an exception a line says the types and the places; its message stays out, because it may
hold what was being worked on: ids, paths, bodies.
"""

import logging
import logging.config
import re
import sys
import threading
from collections.abc import Iterator
from traceback import walk_tb
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict

FRAMES = 30
"""How many places are told of one exception, from where it was raised outwards."""

LOG_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": "service.logs.formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines", "stream": "ext://sys.stderr"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    # An access line is a path and a query. /metrics counts requests by route template instead.
    "loggers": {"uvicorn.access": {"handlers": [], "level": "CRITICAL", "propagate": False}},
}
"""For `logging.config.dictConfig`, and for uvicorn, which applies it in each of its processes."""

# asyncio prints the values that a failed task or callback held, warnings the source; what stands before is fixed text.
_FIXED_TEXT = {"asyncio": re.compile(r"[^(<\n]*"), "py.warnings": re.compile(r"[^\n]*")}

_log = structlog.get_logger()


def configure_logs() -> None:
    """Let every line of this process, whoever writes it, go to stderr in one form. Call it once, at start."""
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(LOG_CONFIG)
    logging.captureWarnings(capture=True)
    # Else a line that cannot be rendered is printed raw, with its arguments.
    logging.raiseExceptions = False
    threading.excepthook = _thread_died
    sys.unraisablehook = _not_raised


def formatter() -> logging.Formatter:
    """Return what renders all lines: for a terminal if stderr is one, else JSON."""
    terminal = sys.stderr.isatty()
    return ProcessorFormatter(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            _keep_fixed_text,
            _tell_exception,
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ]
    )


def told(error: BaseException) -> list[dict[str, Any]]:
    """Return an exception and what caused it: the type of each and the places it went through, outermost first."""
    return [
        {
            "type": f"{type(each).__module__}.{type(each).__qualname__}",
            "frames": [
                f"{frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_name}"
                for frame, line in walk_tb(each.__traceback__)
            ][-FRAMES:],
        }
        for each in _with_causes(error)
    ]


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                yield from _with_causes(each)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _keep_fixed_text(_logger: object, _method: str, event: EventDict) -> EventDict:
    pattern = _FIXED_TEXT.get(event["_record"].name)
    if pattern is not None:
        event["event"] = pattern.match(str(event["event"]))[0].strip()  # type: ignore[index]
    return event


def _tell_exception(_logger: object, _method: str, event: EventDict) -> EventDict:
    error = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["exception"] = told(error)
    return event


def _thread_died(hook: threading.ExceptHookArgs) -> None:
    _log.error("thread_died", exc_info=hook.exc_value)


def _not_raised(hook: "sys.UnraisableHookArgs") -> None:
    _log.error("exception_in_cleanup", exc_info=hook.exc_value)
