"""Commands end with one of the agreed exit codes, and say why."""

import pytest

from dashtam.console import DONE, done, run
from dashtam.database.errors import DatabaseNotReady
from dashtam.disposable.errors import UnsafeDatabase
from dashtam.settings.errors import SettingsError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, DONE),
        (DatabaseNotReady("nobody answers"), 1),
        (UnsafeDatabase("dashtam", ["is the development database"]), 3),
        (SettingsError(["TESTING is missing"]), 3),
    ],
)
def test_the_exit_code_tells_failure_from_refusal(
    error: Exception | None, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async def command() -> None:
        if error is not None:
            raise error

    assert run(command) == code
    assert str(error or "") in capsys.readouterr().err


def test_a_defect_keeps_its_traceback() -> None:
    async def command() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(command)


def test_a_step_is_a_tick_with_facts(capsys: pytest.CaptureFixture[str]) -> None:
    done("tables created", count=5, names=["a", "b"], took=0.1234, note="not allowed here", absent=None)
    assert capsys.readouterr().out == (
        "✓ tables created  count=5 names=a,b took=0.123s note='not allowed here'\n"
    )
