"""Where the embedded engine keeps what, below the data folder of a project."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dashtam.devenv.components import Component
from dashtam.devenv.errors import EnvironmentRefused
from dashtam.devenv.project.certificates import Certificates
from dashtam.devenv.project.files import write_atomically

# sun_path holds 104 bytes on macOS and 108 on Linux, and supervisord first binds `<path>.<pid>`.
_LONGEST_SOCKET_PATH = 90


@dataclass(frozen=True)
class Folders:
    """The places of one project; `home` is its data folder."""

    home: Path

    @property
    def postgres(self) -> Path:
        """What belongs to PostgreSQL: the cluster, and the one that initdb is still building."""
        return self.home / "postgres"

    @property
    def cluster(self) -> Path:
        """PGDATA."""
        return self.postgres / "data"

    def cluster_of(self, component: Component) -> Path | None:
        """PGDATA where the component is postgres."""
        return self.cluster if component is Component.POSTGRES else None

    @property
    def redis(self) -> Path:
        """The configuration and the append-only file of Redis."""
        return self.home / "redis"

    @property
    def logs(self) -> Path:
        """One log file per component, and Supervisor's own."""
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """Supervisor's configuration, and what each component is started with; holds secrets."""
        return self.home / "run"

    @property
    def superuser_password(self) -> Path:
        """The password of the role `postgres`."""
        return self.home / "secrets" / "postgres-superuser"

    @property
    def certificates(self) -> Certificates:
        """The local authority's certificate and the server's pair."""
        return Certificates(self.home)

    @property
    def instance(self) -> str:
        """The mark that every process of this data folder carries."""
        return hashlib.sha256(os.fsencode(self.home.resolve())).hexdigest()[:16]

    @property
    def socket(self) -> Path:
        """Supervisor's socket: in the run folder, or in a private one elsewhere where that path is too long."""
        usual = self.run / "supervisor.sock"
        if len(os.fsencode(usual)) <= _LONGEST_SOCKET_PATH:
            return usual
        elsewhere = Path(tempfile.gettempdir()) / f"dashtam-{os.getuid()}-{self.instance}"
        return elsewhere / "supervisor.sock"


def ensure_private(folder: Path, *, mode: int = 0o700) -> None:
    """Make a folder that is ours alone, or check that it is.

    Raises:
        EnvironmentRefused: somebody else owns it, or it is a link: what it holds could be replaced under us.
    """
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or folder.is_symlink():
        raise EnvironmentRefused(
            f"{folder} belongs to user id {status.st_uid} or is a link; expected a folder of user id {os.getuid()}",
            advice=f"look at {folder} and remove it",
        )
    folder.chmod(mode)


def write_private(path: Path, text: str, *, owner: tuple[int, int] | None = None) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    write_atomically(path, text.encode(), mode=0o600)
    if owner is not None:
        os.chown(path, *owner)
