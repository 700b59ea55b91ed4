"""Errors of the settings."""

from collections.abc import Sequence

from dashtam.errors import DashtamError


class SettingsError(DashtamError):
    """The service is not configured correctly."""

    code = "settings_invalid"
    exit_code = 3

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "\n".join([f"{len(self.problems)} setting(s) refused:", *(f"  {p}" for p in self.problems)])
        )
