"""Addresses of people: one spelling for each, and the words that somebody would guess from it."""

import re

from email_validator import EmailNotValidError, validate_email

from dashtam.identity.errors import InvalidAddress


def normalized_address(text: str) -> str:
    """The one spelling under which an address is known: lower case, the domain in ASCII (RFC 5321, RFC 5890).

    Whether the domain takes mail is not asked: the letter tells, and no stranger makes us look up names.

    Raises:
        InvalidAddress: not the address of a mailbox that a letter could reach.
    """
    try:
        found = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise InvalidAddress(str(error)) from None
    return (found.ascii_email or found.normalized).lower()


def guessable_words(address: str) -> list[str]:
    """The address and its parts, which a guesser of its password would try first."""
    local, _, domain = address.partition("@")
    return [address, local, domain, *re.split(r"[^a-z0-9]+", address)]
