"""Creates a user for the operator: `python -m dashtam.commands.create_user [--email ADDRESS] [--role ROLE]`.

The command asks for the password twice without an echo; without a terminal, it reads the first line of standard input.
The password is never an argument, because every user of the machine can read those.
"""

import argparse
import sys
from getpass import getpass

from pydantic import SecretStr

from dashtam.console import done, run
from dashtam.identity.errors import InvalidAddress, PasswordRefused
from dashtam.models import Role
from dashtam.resources import open_resources
from dashtam.settings.loading import load_settings
from dashtam.settings.model import Settings


async def create(email: str | None, role: Role) -> None:
    """Ask for the address if it is missing and for the password, and create the user.

    Raises:
        InvalidAddress: the address is missing or is not a valid e-mail address.
        AddressTaken: another user has this address.
        PasswordRefused: the password is too short, too long or easily guessed, or the two entries differ.
    """
    settings = load_settings(Settings)
    address = email or _ask_address()
    password = _ask_password()
    async with open_resources(settings, process="create_user") as resources:
        user = await resources.identity.users.create(email=address, password=password, role=role)
    done("user created", email=user.email, role=user.role.value, id=user.id)


def _ask_address() -> str:
    if not sys.stdin.isatty():
        raise InvalidAddress(
            "the address is missing; expected --email ADDRESS if standard input is not a terminal"
        )
    return input("e-mail address: ").strip()


def _ask_password() -> SecretStr:
    if not sys.stdin.isatty():
        return SecretStr(sys.stdin.readline().rstrip("\r\n"))
    first = getpass("password (15 characters or more): ")
    if getpass("password again: ") != first:
        raise PasswordRefused("The two passwords differ; no user was created.")
    return SecretStr(first)


def main() -> int:
    """Create the user as the arguments say, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m dashtam.commands.create_user", description="Create a user."
    )
    parser.add_argument("--email", help="the user's e-mail address; default: the command asks for it")
    parser.add_argument(
        "--role",
        choices=[role.value for role in Role],
        default=Role.USER.value,
        help="the user's role; default: user",
    )
    chosen = parser.parse_args()
    return run(lambda: create(chosen.email, Role(chosen.role)))


if __name__ == "__main__":
    sys.exit(main())
