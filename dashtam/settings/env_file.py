"""The env file of a process: its path and its values."""

import io
import os
from pathlib import Path
from typing import Final

from dotenv.main import DotEnv
from dotenv.parser import parse_stream

from dashtam.settings.errors import SettingsError

ENV_FILE_VARIABLE: Final = "DASHTAM_ENV_FILE"
_MAX_BYTES: Final = 65_536


def find_env_file() -> Path | None:
    """Return the file that DASHTAM_ENV_FILE names, otherwise `.env`; None if there is neither.

    Raises:
        SettingsError: the path is not a file, or the named file does not exist.
    """
    named = os.environ.get(ENV_FILE_VARIABLE)
    path = Path(named or ".env")
    if path.is_file():
        return path
    if path.is_dir():
        raise SettingsError([f"{path} is a folder; expected a file. Remove it and copy .env.example there"])
    if path.exists():
        raise SettingsError([f"{path} is neither a file nor a folder; expected a file like .env.example"])
    if named:
        raise SettingsError([f"{ENV_FILE_VARIABLE} names {path}, which does not exist; expected an env file"])
    return None


def read_env_file(path: Path) -> dict[str, str | None]:
    """Return the values of `NAME=value` lines; quotes, comments, `export`, and line ends of any system are supported.

    Raises:
        SettingsError: the file is unreadable, not UTF-8 text, larger than 65,536 bytes, or has malformed lines. Lines
            are named by number, because their text may be secret.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise SettingsError([f"{path} cannot be read ({error.strerror}); make it readable"]) from None
    except UnicodeDecodeError as error:
        raise SettingsError(
            [f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8 or copy .env.example"]
        ) from None
    if len(content) > _MAX_BYTES:
        raise SettingsError([f"{path} has {len(content)} bytes; expected an env file, at most {_MAX_BYTES}"])
    malformed = [line.original.line for line in parse_stream(io.StringIO(text)) if line.error]
    if malformed:
        raise SettingsError([f"line {number} of {path} is not NAME=value" for number in malformed])
    return dict(DotEnv(None, stream=io.StringIO(text)).dict())
