"""Shows the mailbox of this environment: `python -m dashtam.commands.mailbox [--show NUMBER]`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from dashtam.cache import open_cache
from dashtam.errors import DashtamError, InvalidRequest, NotFound
from dashtam.mail import build_mailer
from dashtam.mail.mailbox import KeptMail, Mailbox
from dashtam.settings.loading import load_settings
from dashtam.settings.model import Settings


async def show(settings: Settings, *, number: int | None) -> str:
    """What to print: a line for each letter, numbered from the newest, or one of them whole.

    Raises:
        InvalidRequest: mail is really sent here, so there is no mailbox.
        NotFound: no letter has that number.
        CacheNotReady: Redis does not answer.
    """
    async with open_cache(settings.cache, environment=settings.ENVIRONMENT, process="mail") as cache:
        mailer = build_mailer(settings, cache)
        if not isinstance(mailer, Mailbox):
            raise InvalidRequest("SMTP_URL is set, so mail is sent and none is kept here")
        letters = await mailer.list_letters()
    if number is None:
        return "\n".join(_line(place, letter) for place, letter in enumerate(letters, start=1)) or "no mail"
    if not 1 <= number <= len(letters):
        raise NotFound(f"there is no letter {number}; the mailbox holds {len(letters)}, the newest is 1")
    return _whole(letters[number - 1])


def _line(place: int, letter: KeptMail) -> str:
    return f"{place:>3}  {letter.sent_at:%Y-%m-%d %H:%M:%S}  {letter.to}  {letter.subject}"


def _whole(letter: KeptMail) -> str:
    head = f"From: {letter.sender}\nTo: {letter.to}\nDate: {letter.sent_at}\nSubject: {letter.subject}"
    return f"{head}\n\n{_printable(letter.text).rstrip()}"


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text)


def main(argv: Sequence[str] | None = None) -> int:
    """Print it and answer the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dashtam.commands.mailbox", description=__doc__)
    parser.add_argument("--show", metavar="NUMBER", type=int, help="one letter whole; 1 is the newest")
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
