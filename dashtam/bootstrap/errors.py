"""Errors of migrations."""

from collections.abc import Mapping, Sequence

from dashtam.errors import DashtamError


class DestructiveMigrations(DashtamError):
    """Pending migrations may take data away, and nobody has allowed them."""

    code = "migrations_refused"
    exit_code = 3

    def __init__(self, database: str, migrations: Mapping[str, Sequence[str]]) -> None:
        self.database = database
        self.migrations = {name: tuple(harms) for name, harms in migrations.items()}
        lines = [f"nothing was applied to {database}: these pending migrations may take data away"]
        for name, harms in self.migrations.items():
            lines += [f"  {name}", *(f"    {line}" for harm in harms for line in harm.splitlines())]
        allowed = " ".join(f"--allow {name}" for name in self.migrations)
        lines += [
            "→ in development: invoke db.migrate",
            f"→ elsewhere, after a backup: python -m dashtam.bootstrap.migrations upgrade {allowed}",
        ]
        super().__init__("\n".join(lines))
