"""Makes a user at once, for the operator: `python -m dashtam.commands.create_user [--email ADDRESS] [--role ROLE]`.

The password is asked for twice without an echo; without a terminal it is the first line of standard input. It is never
an argument, which every user of the machine could read.
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
    """Ask for what is missing, and make the user.

    Raises:
        InvalidAddress: not the address of a mailbox.
        AddressTaken: the address has a user.
        PasswordRefused: too short, too long, easily guessed, or typed in two ways.
    """
    settings = load_settings(Settings)
    address = email or _ask_address()
    password = _ask_password()
    async with open_resources(settings, process="create_user") as resources:
        user = await resources.identity.users.create(email=address, password=password, role=role)
    done("user created", email=user.email, role=user.role.value, id=user.id)


def _ask_address() -> str:
    if not sys.stdin.isatty():
        raise InvalidAddress("no address was given; expected --email ADDRESS where no terminal can be asked")
    return input("address: ").strip()


def _ask_password() -> SecretStr:
    if not sys.stdin.isatty():
        return SecretStr(sys.stdin.readline().rstrip("\r\n"))
    first = getpass("password (15 characters or more): ")
    if getpass("once more: ") != first:
        raise PasswordRefused("It was typed in two ways; nothing was made.")
    return SecretStr(first)


def main() -> int:
    """Read the arguments, and answer the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m dashtam.commands.create_user", description="Make a user."
    )
    parser.add_argument("--email", help="the address; default: it is asked for")
    parser.add_argument(
        "--role", choices=[role.value for role in Role], default=Role.USER.value, help="default: user"
    )
    chosen = parser.parse_args()
    return run(lambda: create(chosen.email, Role(chosen.role)))


if __name__ == "__main__":
    sys.exit(main())
