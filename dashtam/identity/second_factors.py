"""The second factor: an authenticator app (TOTP, RFC 6238), and recovery codes for who lost it."""

import base64
import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import pyotp
from pydantic import SecretStr
from tortoise.expressions import Q

from dashtam.audit.attempts import attempt
from dashtam.audit.caller import Caller
from dashtam.audit.trail import AuditTrail, user_actor
from dashtam.errors import InvalidRequest
from dashtam.identity.errors import CodeRefused, SecondFactorRequired, SignInRefused
from dashtam.models import Outcome, RecoveryCode, SecondFactor, User
from dashtam.sealing.columns import SECOND_FACTOR
from dashtam.sealing.keys import Keys
from dashtam.security.tokens import hashed

RECOVERY_CODES: Final = 10
_STEP_SECONDS: Final = 30
_DRIFT_STEPS: Final = 1
"""A clock may be half a minute off, either way (RFC 6238, 5.2)."""
_RECOVERY_BYTES: Final = 15
"""120 bits: more than a hash without salt needs (OWASP ASVS 5.0, 6.6.2)."""
_GROUP: Final = 6


@dataclass(frozen=True)
class Enrolment:
    """What an authenticator app is told, once."""

    secret: SecretStr
    uri: SecretStr


class SecondFactors:
    """The authenticator apps of all users."""

    def __init__(self, keys: Keys, trail: AuditTrail) -> None:
        self._keys = keys
        self._trail = trail

    async def begin(self, user: User, *, caller: Caller) -> Enrolment:
        """Make a secret for an app; it counts for nothing until `confirm`.

        Raises:
            InvalidRequest: an app is confirmed already.
        """
        secret = SecretStr(pyotp.random_base32())
        async with (
            attempt(self._trail, "second_factor.begun", caller=caller, user_id=user.id),
            self._trail.transaction(),
        ):
            await User.select_for_update().filter(id=user.id).first()
            if await SecondFactor.exists(user_id=user.id, confirmed_at__isnull=False):
                raise InvalidRequest(f"the user {user.id} has a second factor already")
            await SecondFactor.filter(user_id=user.id).delete()
            factor = SecondFactor(user=user)
            place = SECOND_FACTOR.context(factor.id, user.id)
            factor.secret_sealed, factor.key_id = await self._keys.seal(secret, context=place)
            await factor.save()
            await self._record("second_factor.begun", Outcome.SUCCEEDED, user.id, caller)
        uri = pyotp.TOTP(secret.get_secret_value()).provisioning_uri(name=user.email, issuer_name="Dashtam")
        return Enrolment(secret, SecretStr(uri))

    async def confirm(self, user_id: UUID, code: SecretStr, *, caller: Caller) -> Sequence[SecretStr]:
        """Take an app into use that shows the right code; answers the recovery codes, which nobody can read again.

        Raises:
            CodeRefused: no app waits, or the code is wrong.
        """
        async with attempt(self._trail, "second_factor.confirmed", caller=caller, user_id=user_id):
            factor = await SecondFactor.get_or_none(user_id=user_id, confirmed_at__isnull=True)
            if factor is None or not await self._is_right(factor, code):
                raise CodeRefused("no second factor waits for this code")
        async with self._trail.transaction():
            await SecondFactor.filter(id=factor.id).update(confirmed_at=datetime.now(UTC))
            codes = await _replace_recovery_codes(user_id)
            await self._record("second_factor.confirmed", Outcome.SUCCEEDED, user_id, caller)
        return codes

    async def renew_recovery_codes(self, user_id: UUID, *, caller: Caller) -> Sequence[SecretStr]:
        """Give a user, who has just proved themselves, ten codes in place of those that are left.

        Raises:
            InvalidRequest: there is no second factor that they could stand in for.
        """
        action = "recovery_codes.renewed"
        async with attempt(self._trail, action, caller=caller, user_id=user_id), self._trail.transaction():
            # Of two that renew at once, the second one waits, and its codes are the ones that hold.
            await User.select_for_update().filter(id=user_id).first()
            if not await SecondFactor.exists(user_id=user_id, confirmed_at__isnull=False):
                raise InvalidRequest(f"the user {user_id} has no second factor")
            codes = await _replace_recovery_codes(user_id)
            await self._record(action, Outcome.SUCCEEDED, user_id, caller)
        return codes

    async def remove(self, user_id: UUID, *, caller: Caller) -> None:
        """Go back to the password alone."""
        async with self._trail.transaction():
            await SecondFactor.filter(user_id=user_id).delete()
            await RecoveryCode.filter(user_id=user_id).delete()
            await self._record("second_factor.removed", Outcome.SUCCEEDED, user_id, caller)

    async def count_recovery_codes(self, user_id: UUID) -> int | None:
        """How many recovery codes are left; None where there is no second factor."""
        if not await SecondFactor.exists(user_id=user_id, confirmed_at__isnull=False):
            return None
        return await RecoveryCode.filter(user_id=user_id).count()

    async def prove(self, user_id: UUID, code: SecretStr | None, *, caller: Caller) -> None:
        """Have a user who has a second factor show it; a code is taken once.

        Raises:
            SecondFactorRequired: there is one, and no code was shown.
            SignInRefused: the code is wrong, or was taken before.
        """
        factor = await SecondFactor.get_or_none(user_id=user_id, confirmed_at__isnull=False)
        if factor is None:
            return
        if code is None or not code.get_secret_value():
            raise SecondFactorRequired(f"the user {user_id} has a second factor")
        if await self._is_right(factor, code):
            return
        # One statement decides: of two that come at once, the second one finds nothing.
        if not await RecoveryCode.filter(user_id=user_id, code_hash=_recovery_hash(code)).delete():
            raise SignInRefused(f"wrong second factor for the user {user_id}")
        await self._record("recovery_code.used", Outcome.SUCCEEDED, user_id, caller)

    async def _is_right(self, factor: SecondFactor, code: SecretStr) -> bool:
        place = SECOND_FACTOR.context(factor.id, factor.user_id)
        secret = await self._keys.open(factor.secret_sealed, context=place)
        totp = pyotp.TOTP(secret.get_secret_value())
        shown, now = _digits(code), int(time.time()) // _STEP_SECONDS
        steps = range(now - _DRIFT_STEPS, now + _DRIFT_STEPS + 1)
        fitting = [step for step in steps if hmac.compare_digest(totp.generate_otp(step), shown)]
        if not fitting:
            return False
        # RFC 6238, 5.2: what was shown once is not taken again, nor is what is older.
        unused = Q(last_step__isnull=True) | Q(last_step__lt=fitting[-1])
        return bool(await SecondFactor.filter(unused, id=factor.id).update(last_step=fitting[-1]))

    async def _record(self, action: str, outcome: Outcome, user_id: UUID, caller: Caller) -> None:
        await self._trail.record(
            action,
            outcome,
            actor=user_actor(user_id),
            user_id=user_id,
            caller=caller,
        )


def _digits(code: SecretStr) -> str:
    text = "".join(code.get_secret_value().split())
    return text if text.isascii() else ""


async def _replace_recovery_codes(user_id: UUID) -> list[SecretStr]:
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    await RecoveryCode.filter(user_id=user_id).delete()
    for code in codes:
        await RecoveryCode.create(user_id=user_id, code_hash=_recovery_hash(code))
    return codes


def _recovery_code() -> SecretStr:
    text = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode()
    return SecretStr("-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP)))


def _recovery_hash(code: SecretStr) -> str:
    return hashed("".join(code.get_secret_value().upper().split()).replace("-", ""))
