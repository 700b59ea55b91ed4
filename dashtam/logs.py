"""One pipeline for every log line of a process: structured, one line each, secrets masked, nothing forged."""

import logging
import re
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, TextIO
from urllib.parse import quote

import structlog
from structlog.types import EventDict, FilteringBoundLogger, Processor

MASK: Final = "***"
_MOST_SIGNS: Final = 16_384
_MOST_DEPTH: Final = 6
# Shorter values are not masked by value: they would blot out ordinary words.
_LEAST_SECRET: Final = 6
_SECRET_NAME: Final = re.compile(
    r"(pass(word|wd|phrase)|secret|token|authorization|cookie|api_?key|private_?key|encryption_?key|verifier"
    r"|^code$|^state$|^dsn$)",
    re.IGNORECASE,
)
_NAMED: Final = (
    r"(?:[\w-]*(?:pass(?:word|wd|phrase)|secret|token|api_?key|verifier)|authorization|cookie|code|state)"
)
_SECRET_SHAPES: Final = (
    (re.compile(r"(?<=://)[^/\s@]*:[^/\s@]*(?=@)"), MASK),
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{4,}", re.IGNORECASE), rf"\1 {MASK}"),
    (
        re.compile(rf"\b({_NAMED}['\"]?\s*=\s*)(?!=)('[^']*'|\"[^\"]*\"|[^\s&,;)}}'\"]+)", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    (re.compile(rf"(['\"]{_NAMED}['\"]\s*:\s*)('[^']*'|\"[^\"]*\")", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"\bv1\.[a-z0-9_-]{1,32}\.[A-Za-z0-9_-]{22,}"), MASK),
)
# What every shape has: where none of these stands, no shape needs to be looked for.
_SUSPICIOUS: Final = re.compile(r"[=:@]|v1\.|bearer|basic", re.IGNORECASE)
# Written by the pipeline itself.
_HARMLESS: Final = frozenset({"timestamp", "level", "logger"})
# White space but blank and line end, control signs, and the invisible ones that reorder or split a line.
_UNPRINTABLE: Final = re.compile(
    r"[^\S \n]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)


class Masker:
    """Removes secrets from whatever is about to be written: by name, by shape, and by value."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        values = {form for secret in secrets if len(secret) >= _LEAST_SECRET for form in _forms(secret)}
        longest_first = sorted(values, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if values else None

    def __call__(self, _logger: object, _method: str, event: EventDict) -> EventDict:
        """Mask a whole log entry (structlog's processor protocol)."""
        return {
            name: value if name in _HARMLESS else self._named(str(name), value, 0)
            for name, value in event.items()
        }

    def text(self, text: str) -> str:
        """Mask one text; very long ones are cut."""
        if self._known:
            text = self._known.sub(MASK, text)
        if _SUSPICIOUS.search(text):
            for shape, replacement in _SECRET_SHAPES:
                text = shape.sub(replacement, text)
        return text if len(text) <= _MOST_SIGNS else f"{text[:_MOST_SIGNS]}... ({len(text)} characters)"

    def _named(self, name: str, value: object, depth: int) -> object:
        return MASK if _is_secret(name) else self._value(value, depth)

    def _value(self, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping) and depth < _MOST_DEPTH:
            return {self.text(str(k)): self._named(str(k), v, depth + 1) for k, v in value.items()}
        if isinstance(value, list | tuple | set | frozenset) and depth < _MOST_DEPTH:
            return [self._value(item, depth + 1) for item in value]
        return self.text(value if isinstance(value, str) else repr(value))


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _forms(secret: str) -> set[str]:
    """How a secret may be spelled in a log: as it is, in a URL, in a repr."""
    return {secret, quote(secret, safe=""), repr(secret)[1:-1]}


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


def configure_logging(level: str, *, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Send every log line of this process through one pipeline to `stream` (standard error).

    JSON, or words and columns where the stream is a terminal. Safe to call again: the last call wins.
    """
    stream = stream or sys.stderr
    masker = Masker(secrets)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                masker,
                _in_order,
                *_renderers(stream),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(capture=True)
    # What no line shows need not be looked up for each of them (Python's logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    _quieten_foreign_loggers()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        # The level is asked at each call, so that a logger may be kept from its first use on.
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _renderers(stream: TextIO) -> list[Processor]:
    if stream.isatty():
        return [
            _printable,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]
    # ASCII only: no control sign, and no line end but the last, can come from a value.
    return [structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=True)]


def _quieten_foreign_loggers() -> None:
    for name in ("hypercorn.error", "hypercorn.access"):
        logger = logging.getLogger(name)
        for earlier in [found for found in logger.filters if isinstance(found, _Forwarding)]:
            logger.removeFilter(earlier)
        logger.addFilter(_Forwarding())
    # These two log every statement with its parameters at DEBUG, and nothing else that is of use.
    for name in ("tortoise.db_client", "asyncpg", "asyncio"):
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLogger().level))


def get_logger(name: str) -> FilteringBoundLogger:
    """Return a structured logger; `name` is the module's."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger
