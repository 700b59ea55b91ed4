"""Write small files whole or not at all, and into folders of our own."""

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace a file in one step: after a crash or on a full disk it is the old one or the new one.

    Raises:
        OSError: the file is as it was.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def ensure_folder(folder: Path, *, mode: int) -> None:
    """Make a folder below the data folder; one that is there keeps its permissions."""
    if not folder.is_dir():
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        folder.chmod(mode)  # whatever the umask says: as root, PostgreSQL's user has to pass through


def ensure_home(home: Path) -> None:
    """Make the data folder of a project.

    As root the stores run as an ordinary user, who has to pass through; secrets in it carry their own permissions.
    """
    mode = 0o711 if os.getuid() == 0 else 0o700
    for folder in [*reversed(home.parents), home]:
        if not folder.exists():
            ensure_folder(folder, mode=mode)
