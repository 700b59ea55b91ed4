"""However a verb ends, it ends with a sentence, an exit code, and the next thing to do."""

import errno
import os
import signal
from pathlib import Path

import pytest

from dashtam.devenv.errors import EnvironmentFailed, EnvironmentMisused, EnvironmentRefused
from dashtam.devenv.interrupts import deferred_interrupts, raised_interrupts
from dashtam.devenv.outcome import verb
from dashtam.devenv.report import Report


def ending(error: BaseException | None, code: int | None = None) -> int:
    @verb
    def sequence(report: Report) -> int | None:
        if error is not None:
            raise error
        return code

    return sequence()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EnvironmentFailed("x"), 1),
        (EnvironmentMisused("x"), 2),
        (EnvironmentRefused("x"), 3),
        (KeyboardInterrupt(), 1),
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), 1),
        (OSError(errno.EROFS, "Read-only file system", "/data/x"), 1),
    ],
)
def test_each_kind_of_failure_has_its_exit_code_and_no_traceback(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(error) == code
    said = capsys.readouterr().err
    assert said.startswith("✗ ")
    assert "Traceback" not in said


def test_the_advice_is_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    ending(EnvironmentFailed("two\nlines", advice="invoke doctor"))
    assert capsys.readouterr().err.splitlines()[-1] == "→ invoke doctor"


def test_the_code_of_what_a_verb_ran_is_its_own() -> None:
    assert ending(None, 5) == 5
    assert ending(None) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_signal_that_ends_a_process_ends_a_verb_in_order(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_DFL)  # these tests may run under nohup
    try:
        with pytest.raises(KeyboardInterrupt, match=number.name), raised_interrupts():
            os.kill(os.getpid(), number)
    finally:
        signal.signal(number, before)


def test_a_verb_under_nohup_outlives_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raised_interrupts():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_mends_is_not_interrupted(tmp_path: Path) -> None:
    with raised_interrupts(), deferred_interrupts():
        os.kill(os.getpid(), signal.SIGTERM)
        (tmp_path / "mended").touch()
    assert (tmp_path / "mended").exists()
