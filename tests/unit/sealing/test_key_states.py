"""When a data key may be destroyed: every reason against it is told, and one is enough."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashtam.models import EncryptionKey, KeyState
from dashtam.sealing.key_states import RETIRE_AFTER, reasons_to_keep
from dashtam.sealing.tables import Usage

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)
OTHERS = (
    Usage("provider_tokens", "v2", "k-other", 7),
    # A key of the settings may be called as a data key is.
    Usage("provider_tokens", "v1", "k-one", 7),
)
NEEDING = Usage("second_factors", "v2", "k-one", 1)


def key(state: KeyState = KeyState.DECRYPT) -> EncryptionKey:
    return EncryptionKey(id="k-one", wrapping_key_id="test", state=state)


def test_a_replaced_key_that_no_row_needs_can_go() -> None:
    assert reasons_to_keep(key(), OTHERS, LONG_AGO, now=NOW) == []


@pytest.mark.parametrize(
    ("state", "usage", "replaced_at", "reasons"),
    [
        (KeyState.ACTIVE, (), LONG_AGO, ["it is the key that seals"]),
        (KeyState.RETIRED, (), LONG_AGO, ["it is retired already"]),
        (KeyState.DECRYPT, (NEEDING,), LONG_AGO, ["it seals 1 rows of second_factors"]),
        (
            KeyState.DECRYPT,
            (),
            None,
            ["what was sealed with it may still be on its way; expected: after unknown"],
        ),
        (KeyState.DECRYPT, (NEEDING,), NOW, ["after 12:05:00 UTC", "it seals 1 rows of second_factors"]),
        (KeyState.ACTIVE, (NEEDING,), None, ["it is the key that seals", "it seals 1 rows"]),
    ],
)
def test_every_reason_to_keep_a_key_is_told(
    state: KeyState, usage: tuple[Usage, ...], replaced_at: datetime | None, reasons: list[str]
) -> None:
    told = reasons_to_keep(key(state), (*OTHERS, *usage), replaced_at, now=NOW)
    assert len(told) == len(reasons)
    assert all(expected in reason for expected, reason in zip(reasons, told, strict=True))


@given(st.timedeltas(timedelta(0), timedelta(minutes=10)))
@example(RETIRE_AFTER)
def test_it_stays_for_five_minutes_after_its_successor_was_promoted(passed: timedelta) -> None:
    can_go = not reasons_to_keep(key(), (), NOW - passed, now=NOW)
    assert can_go == (passed >= RETIRE_AFTER)
    assert timedelta(minutes=5) == RETIRE_AFTER
