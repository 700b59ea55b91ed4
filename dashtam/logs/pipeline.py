"""One pipeline for every log line of a process: structured, one line each, secrets masked, nothing forged."""

import logging
import re
import sys
from collections.abc import Iterable
from typing import Final, TextIO

import structlog
from structlog.types import EventDict, FilteringBoundLogger, Processor

from dashtam.logs.masking import Masker

# White space but blank and line end, control signs, and the invisible ones that reorder or split a line.
_UNPRINTABLE: Final = re.compile(
    r"[^\S \n]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)


def _printable(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Escape what a terminal would obey or a reader would take for a line of its own."""
    return {
        name: _escaped(value, keep_lines=name == "exception") if isinstance(value, str) else value
        for name, value in event.items()
    }


def _escaped(text: str, *, keep_lines: bool) -> str:
    text = _UNPRINTABLE.sub(lambda sign: ascii(sign.group())[1:-1], text)
    return text.replace("\n", "\n    | ") if keep_lines else text.replace("\n", "\\n")


def _in_order(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Begin every line alike, so that a person finds time, level and event at a glance."""
    first = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return {**first, **event}


class _Forwarding(logging.Filter):
    """Hands a logger's records to the root and keeps them from the logger's own handlers.

    Hypercorn gives its logger a handler after the application was loaded, so removing handlers would come too early.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        root = logging.getLogger()
        if record.levelno >= root.level:
            root.handle(record)
        return False


_SHARED: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure_logging(level: str, *, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Send every log line of this process through one pipeline to `stream` (standard error).

    JSON, or words and columns where the stream is a terminal. Safe to call again: the last call wins.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_formatter(Masker(secrets), stream or sys.stderr))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(capture=True)
    # What no line shows need not be looked up for each of them (Python's logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    _tame_foreign_loggers()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        # The level is asked at each call, so that a logger may be kept from its first use on.
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _formatter(masker: Masker, stream: TextIO) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            masker,
            _in_order,
            *_renderers(stream),
        ],
    )


def _renderers(stream: TextIO) -> list[Processor]:
    if stream.isatty():
        return [
            _printable,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]
    # ASCII only: no control sign, and no line end but the last, can come from a value.
    return [structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=True)]


def _tame_foreign_loggers() -> None:
    for name in ("hypercorn.error", "hypercorn.access"):
        logger = logging.getLogger(name)
        for earlier in [found for found in logger.filters if isinstance(found, _Forwarding)]:
            logger.removeFilter(earlier)
        logger.addFilter(_Forwarding())
    # These two log every statement with its parameters at DEBUG, and nothing else that is of use.
    for name in ("tortoise.db_client", "asyncpg", "asyncio"):
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLogger().level))
    # It tells of every run of a job, and we of those that did something.
    logging.getLogger("apscheduler").setLevel(max(logging.WARNING, logging.getLogger().level))
    # These two log every URL, which may hold a secret, and every header at DEBUG.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def get_logger(name: str) -> FilteringBoundLogger:
    """Return a structured logger; `name` is the module's."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger
