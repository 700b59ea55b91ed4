"""Users: they register, prove their address, change or forget their password, and leave."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from pydantic import SecretStr
from tortoise.exceptions import IntegrityError

from dashtam.audit.attempts import attempt
from dashtam.audit.caller import UNKNOWN, Caller
from dashtam.audit.trail import ANONYMOUS, SYSTEM, AuditTrail, user_actor
from dashtam.errors import CacheNotReady, NotFound
from dashtam.identity import emails
from dashtam.identity.email_addresses import guessable_words, normalized_address
from dashtam.identity.errors import AddressTaken, CodeRefused, RegistrationClosed
from dashtam.identity.passwords import Passwords
from dashtam.identity.sessions import Sessions
from dashtam.logs.pipeline import get_logger
from dashtam.mail import Mailer
from dashtam.mail.email import Email
from dashtam.mail.errors import MailNotSent
from dashtam.models import CodePurpose, OneTimeCode, Outcome, ProviderConnection, Role, User
from dashtam.sealing.keys import Keys
from dashtam.security.tokens import REGISTRATION_TTL, RESET_TTL, Mark, hashed, new_token
from dashtam.tokens import revocations

_log = get_logger(__name__)


class Users:
    """People who sign in, and those who would like to."""

    def __init__(
        self,
        passwords: Passwords,
        sessions: Sessions,
        trail: AuditTrail,
        mailer: Mailer,
        keys: Keys,
        *,
        is_registration_open: bool,
    ) -> None:
        self._passwords = passwords
        self._keys = keys
        self._sessions = sessions
        self._trail = trail
        self._mailer = mailer
        self._is_registration_open = is_registration_open

    async def register(self, *, email: str, password: SecretStr, caller: Caller) -> None:
        """Send a code to an address that wants to have a user; there is none until the code comes back.

        An address that has a user answers alike, after the same work; the letter tells.

        Raises:
            RegistrationClosed: the operator makes all users.
            InvalidAddress: not the address of a mailbox.
            PasswordRefused: too short, too long, or easily guessed.
        """
        async with attempt(self._trail, "user.registered", caller=caller):
            if not self._is_registration_open:
                raise RegistrationClosed("REGISTRATION_OPEN is false")
            address = normalized_address(email)
            await self._passwords.judge(password, context=guessable_words(address))
            password_hash = await self._passwords.hash(password)
            known = await User.get_or_none(email=address)
            code = new_token(Mark.REGISTRATION)
            await self._keep(CodePurpose.REGISTRATION, address, code, REGISTRATION_TTL, password_hash)
            await self._send(
                emails.known_address_email(address)
                if known
                else emails.registration_email(address, code, ttl=REGISTRATION_TTL)
            )
            await self._record(
                "user.registered", Outcome.DENIED if known else Outcome.SUCCEEDED, known, caller
            )

    async def verify(self, *, code: SecretStr, password: SecretStr, caller: Caller) -> User:
        """Make the user whose code came back.

        The password that was registered is asked for again: whoever registers a stranger's address knows the
        password but not the code, and the stranger who clicks on the letter makes no user with somebody else's
        password (Sudhodanan and Paverd, "Pre-hijacked accounts", USENIX Security 2022).

        Raises:
            CodeRefused: it was used, it took too long, or it never was one; or the password is another one.
        """
        async with attempt(self._trail, "user.verified", caller=caller):
            waiting = await _find(code, CodePurpose.REGISTRATION)
            verdict = await self._passwords.verify(waiting.password_hash if waiting else None, password)
            if waiting is None or not verdict.is_right:
                raise CodeRefused("no registration waits for this code and this password")
            return await self._make(waiting, caller)

    async def create(self, *, email: str, password: SecretStr, role: Role = Role.USER) -> User:
        """Make a user at once, as the operator does.

        Raises:
            InvalidAddress: not the address of a mailbox.
            AddressTaken: the address has a user.
            PasswordRefused: too short, too long, or easily guessed.
        """
        address = normalized_address(email)
        await self._passwords.judge(password, context=guessable_words(address))
        password_hash = await self._passwords.hash(password)
        try:
            async with self._trail.transaction():
                user = await User.create(email=address, password_hash=password_hash, role=role)
                await self._record("user.created", Outcome.SUCCEEDED, user, UNKNOWN, actor=SYSTEM)
        except IntegrityError:
            raise AddressTaken(f"{address} has a user already") from None
        return user

    async def get(self, user_id: UUID) -> User:
        """The user of an id.

        Raises:
            NotFound: there is none.
        """
        user = await User.get_or_none(id=user_id)
        if user is None:
            raise NotFound(f"there is no user {user_id}")
        return user

    async def change_password(
        self, user: User, *, password: SecretStr, session_id: UUID, caller: Caller
    ) -> None:
        """Give a user, who has just shown the old password, a new one; every other session ends.

        Raises:
            PasswordRefused: too short, too long, or easily guessed.
            CodeRefused: the password was changed meanwhile.
        """
        action = "user.password_changed"
        async with attempt(self._trail, action, caller=caller, user_id=user.id):
            await self._replace(user, password, caller, action=action, keep=session_id)

    async def request_reset(self, *, email: str, caller: Caller) -> None:
        """Send a code to an address whose password was forgotten.

        An address without a user answers alike, after the same work; the letter tells.

        Raises:
            InvalidAddress: not the address of a mailbox.
        """
        async with attempt(self._trail, "user.reset_requested", caller=caller):
            address = normalized_address(email)
            known = await User.get_or_none(email=address)
            code = new_token(Mark.RESET)
            await self._keep(CodePurpose.PASSWORD_RESET, address, code, RESET_TTL)
            await self._send(
                emails.reset_email(address, code, ttl=RESET_TTL)
                if known
                else emails.unknown_address_email(address)
            )
            await self._record(
                "user.reset_requested",
                Outcome.SUCCEEDED if known else Outcome.DENIED,
                known,
                caller,
                actor=ANONYMOUS,
            )

    async def complete_reset(self, *, code: SecretStr, password: SecretStr, caller: Caller) -> None:
        """Give the user whose code came back a new password, and end every session.

        Raises:
            CodeRefused: it was used, it took too long, or it never was one.
            PasswordRefused: too short, too long, or easily guessed; the code can be used again.
        """
        waiting = await _find(code, CodePurpose.PASSWORD_RESET)
        user = await User.get_or_none(email=waiting.email) if waiting else None
        action = "user.password_reset"
        user_id = user.id if user else None
        async with attempt(self._trail, action, caller=caller, user_id=user_id, is_theirs=False):
            if user is None:
                raise CodeRefused("no user waits for this code")
            await self._replace(user, password, caller, action=action, code=waiting)

    async def delete(self, user: User, *, caller: Caller) -> None:
        """Remove a user with everything that is theirs, sealed tokens included; audit entries stay.

        What providers granted is queued to be revoked; see revocations.py.

        Raises:
            CacheNotReady: nothing was removed, because not every process could be told.
        """
        async with (
            attempt(self._trail, "user.deleted", caller=caller, user_id=user.id),
            self._trail.transaction(),
        ):
            await User.select_for_update().filter(id=user.id).first()
            await self._sessions.forget_all(user.id)
            await OneTimeCode.filter(email=user.email).delete()
            theirs = await ProviderConnection.filter(user_id=user.id).order_by("id").select_for_update()
            await revocations.queue_stored([c.id for c in theirs], keys=self._keys, trail=self._trail)
            await User.filter(id=user.id).delete()
            await self._record("user.deleted", Outcome.SUCCEEDED, user, caller)

    async def _make(self, code: OneTimeCode, caller: Caller) -> User:
        try:
            async with self._trail.transaction():
                if not await _take(code):
                    raise CodeRefused("the code was used, or has expired")
                # Other codes of the address would make a second user of it.
                await OneTimeCode.filter(email=code.email, purpose=CodePurpose.REGISTRATION).delete()
                user = await User.create(email=code.email, password_hash=code.password_hash)
                await self._record("user.verified", Outcome.SUCCEEDED, user, caller)
        except IntegrityError:
            raise CodeRefused("the address has a user by now") from None
        return user

    async def _replace(
        self,
        user: User,
        password: SecretStr,
        caller: Caller,
        *,
        action: str,
        code: OneTimeCode | None = None,
        keep: UUID | None = None,
    ) -> None:
        await self._passwords.judge(password, context=guessable_words(user.email))
        fresh = await self._passwords.hash(password)
        async with self._trail.transaction():
            if code and not await _take(code):
                raise CodeRefused("the code was used meanwhile")
            # A password that was changed since it was shown is not changed again by who knew the old one.
            known = {"id": user.id} if code else {"id": user.id, "password_hash": user.password_hash}
            if not await User.filter(**known).update(password_hash=fresh):
                raise CodeRefused("the user left, or the password was changed, meanwhile")
            await OneTimeCode.filter(email=user.email, purpose=CodePurpose.PASSWORD_RESET).delete()
            await self._sessions.end_all(user.id, caller=caller, except_id=keep)
            await self._record(action, Outcome.SUCCEEDED, user, caller)
        try:
            await self._send(emails.password_changed_email(user.email))
        except (MailNotSent, CacheNotReady) as error:  # it is changed all the same
            _log.warning("nobody was told that a password changed", user_id=str(user.id), reason=str(error))

    async def _send(self, letter: Email) -> None:
        await self._mailer.send(to=letter.to, subject=letter.subject, text=letter.text)

    async def _keep(
        self,
        purpose: CodePurpose,
        address: str,
        code: SecretStr,
        ttl: timedelta,
        password_hash: str | None = None,
    ) -> None:
        now = datetime.now(UTC)
        await OneTimeCode.filter(expires_at__lt=now).delete()
        await OneTimeCode.create(
            purpose=purpose,
            email=address,
            code_hash=hashed(code.get_secret_value()),
            password_hash=password_hash,
            expires_at=now + ttl,
        )

    async def _record(
        self, action: str, outcome: Outcome, user: User | None, caller: Caller, *, actor: str | None = None
    ) -> None:
        is_theirs = user is not None and outcome is Outcome.SUCCEEDED
        await self._trail.record(
            action,
            outcome,
            actor=actor or (user_actor(user.id) if user and is_theirs else ANONYMOUS),
            user_id=user.id if user else None,
            caller=caller,
        )


async def _find(code: SecretStr, purpose: CodePurpose) -> OneTimeCode | None:
    """The code that waits to be brought back; whether it is still good is decided where it is taken."""
    return await OneTimeCode.get_or_none(code_hash=hashed(code.get_secret_value()), purpose=purpose)


async def _take(code: OneTimeCode) -> bool:
    """Use a code: one statement decides, so of two that come at once, the second one is too late."""
    return bool(await OneTimeCode.filter(id=code.id, expires_at__gt=datetime.now(UTC)).delete())
