"""Loads the settings, and refuses them as a whole if one is missing, malformed or unsafe.

A value comes from an environment variable, otherwise from the env file (`.env`, or the file that `DASHTAM_ENV_FILE`
names), otherwise from a default that is safe in production.
"""

import hashlib
import os
from collections.abc import Mapping
from typing import TypeVar

from pydantic import SecretStr, ValidationError

from dashtam.settings.env_file import find_env_file, read_env_file
from dashtam.settings.errors import SettingsError
from dashtam.settings.model import Environment, Refused, Settings

AnySettings = TypeVar("AnySettings", bound=Settings)


def load_settings(kind: type[AnySettings]) -> AnySettings:
    """Return the settings of this process.

    Raises:
        SettingsError: lists every missing or malformed setting at once, by name and origin. Secrets are never quoted.
    """
    env_file = find_env_file()
    values = read_env_file(env_file) if env_file else {}
    problems = _test_variables_in_production(values)
    try:
        settings = kind(_env_file=env_file)
    except ValidationError as error:
        raise SettingsError(problems + _problems(error, kind, values)) from None
    if problems:
        raise SettingsError(problems)
    return settings


def fingerprint(settings: Settings) -> dict[str, str]:
    """Return each setting's value and origin; a secret is shown as 16 bits of its hash, to compare two secrets."""
    env_file = find_env_file()
    values = read_env_file(env_file) if env_file else {}
    shown = {
        name: f"{_shown(getattr(settings, name))} ({_origin_of(name, values)})"
        for name in type(settings).model_fields
    }
    return shown | {"database": settings.database.place, "cache": settings.cache.place}


def secret_values(settings: Settings) -> frozenset[str]:
    """Return every value that logs must never contain: secret settings, and the passwords and keys within."""
    cache_password = settings.cache.password
    whole = [value for _, value in settings if isinstance(value, SecretStr)]
    mail = settings.mail_server
    within = [settings.database.password, cache_password, mail.password if mail else None]
    keys = [entry.partition(":")[2] for entry in settings.TOKEN_ENCRYPTION_KEYS.get_secret_value().split(",")]
    values = [value.get_secret_value() for value in [*whole, *within] if value is not None]
    return frozenset([*(value for value in values if value), *keys])


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        # 16 bits of a hash do not help to guess a password.
        return f"sha256:{hashlib.sha256(value.get_secret_value().encode()).hexdigest()[:4]}"
    return str(value)


def _origin_of(name: str, values: Mapping[str, str | None]) -> str:
    if name in os.environ:
        return "environment"
    return "env file" if name in values else "default"


def _test_variables_in_production(values: Mapping[str, str | None]) -> list[str]:
    """Return a problem for each variable of the test environment; those name databases that may be destroyed."""
    names = {*os.environ, *values}
    environment = os.environ.get("ENVIRONMENT", values.get("ENVIRONMENT", Environment.PRODUCTION))
    if environment != Environment.PRODUCTION:
        return []
    found = sorted(name for name in names if name.startswith("TEST_") or name == "TESTING")
    return [f"{name} (from {_origin_of(name, values)}): refused in production; remove it" for name in found]


def _problems(error: ValidationError, kind: type[Settings], values: Mapping[str, str | None]) -> list[str]:
    problems: list[str] = []
    for detail in error.errors(include_url=False):
        name = ".".join(map(str, detail["loc"]))
        if detail["type"] == "missing":
            problems.append(f"{name} is missing; expected {kind.model_fields[name].description}")
            continue
        cause = detail.get("ctx", {}).get("error")
        messages = cause.problems if isinstance(cause, Refused) else (_message(detail["msg"]),)
        seen = _seen(kind, name, detail["input"])
        problems += [f"{name} (from {_origin_of(name, values)}): {message}{seen}" for message in messages]
    return problems


def _message(pydantic_message: str) -> str:
    message = pydantic_message.removeprefix("Value error, ")
    return message.replace("Input should be", "expected").replace("String should", "expected to")


def _seen(kind: type[Settings], name: str, value: object) -> str:
    return "" if kind.model_fields[name].annotation is SecretStr else f"; got {str(value)[:40]!r}"
