"""Where a page of ours may lead back to once a provider has answered: paths that the operator listed, and no other."""

import re
from typing import Final

MOST_SIGNS: Final = 200
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+/?|/")
_STEPS: Final = frozenset({".", ".."})


def parse_return_paths(text: str) -> frozenset[str]:
    """Read paths that are separated by commas.

    A path is compared whole with what a client sends, so nothing of RFC 3986 that a browser reads in two ways
    (`//`, backslashes, dots, escapes, queries) is needed, and none is taken.

    Raises:
        ValueError: one of them is no plain path, or is too long.
    """
    paths = frozenset(part.strip() for part in text.split(",") if part.strip())
    for path in sorted(paths):
        if len(path) > MOST_SIGNS or not _PATH.fullmatch(path) or _STEPS & set(path.split("/")):
            raise ValueError(f"expected plain paths such as /docs, of at most {MOST_SIGNS} characters")
    return paths
