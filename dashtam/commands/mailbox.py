"""Shows the e-mails in the mailbox of this environment: `python -m dashtam.commands.mailbox [--show NUMBER]`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from dashtam.cache import open_cache
from dashtam.errors import DashtamError, InvalidRequest, NotFound
from dashtam.mail import build_mailer
from dashtam.mail.mailbox import KeptEmail, Mailbox
from dashtam.settings.loading import load_settings
from dashtam.settings.model import Settings


async def show(settings: Settings, *, number: int | None) -> str:
    """Return one line for each e-mail, numbered from the newest, or the whole e-mail `number`.

    Raises:
        InvalidRequest: SMTP_URL is set, so the mailbox is not used.
        NotFound: no e-mail has that number.
        CacheNotReady: Redis is not available.
    """
    async with open_cache(settings.cache, environment=settings.ENVIRONMENT, process="mail") as cache:
        mailer = build_mailer(settings, cache)
        if not isinstance(mailer, Mailbox):
            raise InvalidRequest("SMTP_URL is set, so e-mail is sent and the mailbox is not used")
        emails = await mailer.list_emails()
    if number is None:
        return "\n".join(_line(place, email) for place, email in enumerate(emails, start=1)) or "no e-mail"
    if not 1 <= number <= len(emails):
        raise NotFound(f"e-mail {number} does not exist; the mailbox holds {len(emails)}, 1 is the newest")
    return _whole(emails[number - 1])


def _line(place: int, email: KeptEmail) -> str:
    return f"{place:>3}  {email.sent_at:%Y-%m-%d %H:%M:%S}  {email.to}  {email.subject}"


def _whole(email: KeptEmail) -> str:
    head = f"From: {email.sender}\nTo: {email.to}\nDate: {email.sent_at}\nSubject: {email.subject}"
    return f"{head}\n\n{_printable(email.text).rstrip()}"


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() or character == "\n" else " " for character in text)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the mailbox and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dashtam.commands.mailbox", description=__doc__)
    parser.add_argument("--show", metavar="NUMBER", type=int, help="show one whole e-mail; 1 is the newest")
    arguments = parser.parse_args(argv)
    try:
        shown = asyncio.run(show(load_settings(Settings), number=arguments.show))
    except DashtamError as error:
        print(f"✗ {error}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    print(shown)  # noqa: T201 - a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
