"""Removes secrets from what is about to be written: by name, by shape, and by value."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from structlog.types import EventDict

MASK: Final = "***"
_MAX_CHARACTERS: Final = 16_384
_MAX_DEPTH: Final = 6
# Shorter values are not masked by value: they would blot out ordinary words.
_LEAST_SECRET: Final = 6
_SECRET_NAME: Final = re.compile(
    r"(pass(word|wd|phrase)|secret|token|authorization|cookie|api_?key|private_?key|encryption_?key|verifier"
    r"|^code$|^state$|^dsn$)",
    re.IGNORECASE,
)
_NAMED: Final = (
    r"(?:[\w-]*(?:pass(?:word|wd|phrase)|secret|token|api_?key|verifier)|authorization|cookie|code|state)"
)
_SECRET_SHAPES: Final = (
    (re.compile(r"(?<=://)[^/\s@]*:[^/\s@]*(?=@)"), MASK),
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{4,}", re.IGNORECASE), rf"\1 {MASK}"),
    (
        re.compile(rf"\b({_NAMED}['\"]?\s*=\s*)(?!=)('[^']*'|\"[^\"]*\"|[^\s&,;)}}'\"]+)", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    (re.compile(rf"(['\"]{_NAMED}['\"]\s*:\s*)('[^']*'|\"[^\"]*\")", re.IGNORECASE), rf"\1{MASK}"),
    # Sealed values, of each layout (security/envelope.py).
    (re.compile(r"\bv[0-9]\.[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]{16,}"), MASK),
    # Tokens of sessions and codes of letters (security/sessions.py).
    (re.compile(r"\bdashtam_[a-z]{3,16}_[A-Za-z0-9_-]{22,}"), MASK),
)
# What every shape has: where none of these stands, no shape needs to be looked for.
_SUSPICIOUS: Final = re.compile(r"[=:@]|v[0-9]\.|dashtam_|bearer|basic", re.IGNORECASE)
# Written by the pipeline itself.
_HARMLESS: Final = frozenset({"timestamp", "level", "logger"})


class Masker:
    """Removes secrets from whatever is about to be written: by name, by shape, and by value."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        values = {form for secret in secrets if len(secret) >= _LEAST_SECRET for form in _forms(secret)}
        longest_first = sorted(values, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if values else None

    def __call__(self, _logger: object, _method: str, event: EventDict) -> EventDict:
        """Mask a whole log entry (structlog's processor protocol)."""
        return {
            name: value if name in _HARMLESS else self._named(str(name), value, 0)
            for name, value in event.items()
        }

    def text(self, text: str) -> str:
        """Mask one text; very long ones are cut."""
        if self._known:
            text = self._known.sub(MASK, text)
        if _SUSPICIOUS.search(text):
            for shape, replacement in _SECRET_SHAPES:
                text = shape.sub(replacement, text)
        return (
            text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}... ({len(text)} characters)"
        )

    def _named(self, name: str, value: object, depth: int) -> object:
        return MASK if _is_secret(name) else self._value(value, depth)

    def _value(self, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping) and depth < _MAX_DEPTH:
            return {self.text(str(k)): self._named(str(k), v, depth + 1) for k, v in value.items()}
        if isinstance(value, list | tuple | set | frozenset) and depth < _MAX_DEPTH:
            return [self._value(item, depth + 1) for item in value]
        return self.text(value if isinstance(value, str) else repr(value))


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _forms(secret: str) -> set[str]:
    """How a secret may be spelled in a log: as it is, in a URL, in a repr."""
    return {secret, quote(secret, safe=""), repr(secret)[1:-1]}
