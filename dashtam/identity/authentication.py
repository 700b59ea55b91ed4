"""Proves who somebody is: by address and password at a sign-in, by password again before what matters."""

from uuid import UUID

from pydantic import SecretStr

from dashtam.audit.attempts import attempt
from dashtam.audit.caller import Caller
from dashtam.audit.trail import ANONYMOUS, AuditTrail
from dashtam.identity.email_addresses import normalized_address
from dashtam.identity.errors import InvalidAddress, SignInRefused
from dashtam.identity.passwords import Passwords
from dashtam.identity.second_factors import SecondFactors
from dashtam.identity.sessions import Sessions, Tokens
from dashtam.models import Outcome, SessionKind, User


class Authentication:
    """Compares passwords, and lets in whoever shows the right one."""

    def __init__(
        self, passwords: Passwords, second_factors: SecondFactors, sessions: Sessions, trail: AuditTrail
    ) -> None:
        self._passwords = passwords
        self._second_factors = second_factors
        self._sessions = sessions
        self._trail = trail

    async def sign_in(
        self, *, email: str, password: SecretStr, code: SecretStr | None, kind: str, name: str, caller: Caller
    ) -> Tokens:
        """Begin a session for whoever knows the password of an address, and shows the second factor if there is one.

        An unknown address answers as a wrong password does, after the same work.

        Raises:
            SignInRefused: address, password or second factor is wrong; which one is not told.
            SecondFactorRequired: the password is right, and a second factor is asked for.
            TooBusy: too many passwords are being compared.
        """
        user = await _find(email)
        user = await self._prove("session.started", user, password, code, caller)
        return await self._sessions.start(user, kind=SessionKind(kind), name=name, caller=caller)

    async def confirm(
        self, user_id: UUID, password: SecretStr, code: SecretStr | None, *, caller: Caller
    ) -> User:
        """Have a signed-in user show the password again, and the second factor if there is one.

        Raises:
            SignInRefused: one of them is wrong, or the user is gone.
            SecondFactorRequired: the password is right, and a second factor is asked for.
        """
        user = await User.get_or_none(id=user_id)
        return await self._prove("user.confirmed", user, password, code, caller)

    async def record_limited(self, rule: str, *, caller: Caller) -> None:
        """Audit that a caller tried too often."""
        await self._trail.record(
            "attempts.limited",
            Outcome.DENIED,
            actor=ANONYMOUS,
            caller=caller,
            details={"rule": rule},
        )

    async def _prove(
        self, action: str, user: User | None, password: SecretStr, code: SecretStr | None, caller: Caller
    ) -> User:
        user_id = user.id if user else None
        async with attempt(self._trail, action, caller=caller, user_id=user_id, is_theirs=False):
            proved = await self._compare(user, password)
            await self._second_factors.prove(proved.id, code, caller=caller)
        return proved

    async def _compare(self, user: User | None, password: SecretStr) -> User:
        verdict = await self._passwords.verify(user.password_hash if user else None, password)
        if user is None or not verdict.is_right:
            raise SignInRefused("no such user" if user is None else f"wrong password for the user {user.id}")
        if verdict.is_outdated:
            await self._rehash(user, password)
        return user

    async def _rehash(self, user: User, password: SecretStr) -> None:
        """Store the hash that today's parameters make, unless the password was changed meanwhile."""
        fresh = await self._passwords.hash(password)
        if await User.filter(id=user.id, password_hash=user.password_hash).update(password_hash=fresh):
            user.password_hash = fresh


async def _find(email: str) -> User | None:
    """The user of an address; what is no address has none, and costs as much as one that nobody has."""
    try:
        return await User.get_or_none(email=normalized_address(email))
    except InvalidAddress:
        return None
