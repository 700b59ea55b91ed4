"""Every log line, whoever wrote it, leaves through one pipeline: one line, masked, not to be forged."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from dashtam.logs.pipeline import configure_logging, get_logger

CANARY = "Kd93nvQ0xL2mZb7R"


class Terminal(io.StringIO):
    """A stream that calls itself a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def logged(stream: io.StringIO | None = None, *, level: str = "INFO") -> io.StringIO:
    stream = stream or io.StringIO()
    configure_logging(level, secrets=[CANARY], stream=stream)
    return stream


def test_a_line_says_when_how_grave_what_and_where() -> None:
    stream = logged()
    get_logger("dashtam.here").info("started", port=8000)
    (line,) = lines(stream)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line["timestamp"].endswith("Z")
    assert (line["level"], line["event"], line["logger"], line["port"]) == (
        "info",
        "started",
        "dashtam.here",
        8000,
    )


@pytest.mark.parametrize("name", ["hypercorn.error", "hypercorn.access", "tortoise", "asyncpg", "anything"])
def test_foreign_loggers_leave_through_the_same_pipeline(name: str) -> None:
    stream = logged()
    logging.getLogger(name).warning("connect to postgresql://u:%s@h/d", CANARY)
    (line,) = lines(stream)
    assert line["logger"] == name
    assert CANARY not in stream.getvalue()


def test_a_handler_that_hypercorn_adds_later_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    stream = logged()
    logger = logging.getLogger("hypercorn.error")
    handler = logging.StreamHandler()
    logger.addHandler(handler)
    try:
        logger.warning("hello")
    finally:
        logger.removeHandler(handler)
    assert len(lines(stream)) == 1
    assert capsys.readouterr() == ("", "")


def test_warnings_are_log_lines() -> None:
    stream = logged()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn(f"old way, password={CANARY}", UserWarning, stacklevel=1)
    assert lines(stream)[0]["logger"] == "py.warnings"
    assert CANARY not in stream.getvalue()


def test_an_exception_is_one_line_without_its_secrets() -> None:
    stream = logged()
    get_logger("dashtam").error("failed", exc_info=ValueError(f"cannot use\n{CANARY}"))
    (line,) = lines(stream)
    assert "ValueError: cannot use" in line["exception"]
    assert CANARY not in stream.getvalue()


def test_less_grave_lines_than_the_level_are_not_written() -> None:
    stream = logged(level="WARNING")
    get_logger("dashtam").info("quiet")
    logging.getLogger("hypercorn.error").info("quiet")
    assert stream.getvalue() == ""


def test_statements_with_their_parameters_are_never_logged() -> None:
    stream = logged(level="DEBUG")
    logging.getLogger("tortoise.db_client").debug("INSERT ... %s", "personal data")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "httpcore.connection"])
def test_urls_and_headers_of_calls_are_never_logged(name: str) -> None:
    stream = logged(level="DEBUG")
    for level in (logging.DEBUG, logging.INFO):
        logging.getLogger(name).log(level, "HTTP Request: POST https://bridge.example.com/claim/secret")
    assert stream.getvalue() == ""


@given(st.text())
def test_no_value_can_forge_a_line(text: str) -> None:
    stream = logged()
    get_logger("dashtam").info(text, value=text, name={text: text})
    logging.getLogger("foreign").info("%s", text)
    assert len(stream.getvalue().splitlines()) == 2
    assert stream.getvalue().isascii()


@given(st.text(), st.text())
def test_no_value_can_command_a_terminal_or_forge_a_line_on_it(event: str, value: str) -> None:
    stream = logged(Terminal())
    get_logger("dashtam").info(event, value=value)
    written = stream.getvalue().removesuffix("\n")
    own = {"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[35m", "\x1b[36m", "\x1b[34m"}
    for colour in own:
        written = written.replace(colour, "")
    assert "\n" not in written
    assert "\r" not in written
    assert "\x1b" not in written


def test_a_message_in_an_exception_cannot_begin_a_line_on_a_terminal() -> None:
    stream = logged(Terminal())
    forged = ValueError("first\n2026-01-01 [info] forged\x1b[2J")
    get_logger("dashtam").error("failed", exc_info=forged)
    assert not [line for line in stream.getvalue().splitlines() if line.startswith("2026-01-01")]
    assert "\x1b[2J" not in stream.getvalue()
