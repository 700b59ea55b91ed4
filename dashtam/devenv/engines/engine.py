"""What an engine can do; ComposeEngine and EmbeddedEngine are twins that pass the same tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final, Protocol

from dashtam.devenv.components import Component, EngineName, Mode


class Health(StrEnum):
    """What a probe found."""

    HEALTHY = "healthy"
    STARTING = "starting"
    UNHEALTHY = "unhealthy"
    IDLE = "idle"  # running on purpose without serving: the app component in testing mode
    STOPPED = "stopped"


@dataclass(frozen=True)
class ComponentStatus:
    """What an engine sees of one component."""

    component: Component
    health: Health
    address: str | None = None
    """Where it answers, as a developer would type it; None while it is stopped."""
    mode: Mode | None = None
    """The mode that the component was started in, read from the component itself."""
    process: str | None = None
    """Process id, or container name."""
    detail: str = ""
    """Why it is not healthy: the last probe's answer."""


READ_ONLY: Final = "-c default_transaction_read_only=on -c statement_timeout=10min"
"""PGOPTIONS of the sessions in which an engine asks."""


class Engine(Protocol):
    """Runs the five components. Every method may be called again: it makes its promise true or raises.

    Methods raise `EnvironmentFailed` (exit 1) with the component's last probe answer and last log lines, or
    `EnvironmentRefused` (exit 3) where going on would be unsafe.
    """

    name: ClassVar[EngineName]

    def check(self) -> None:
        """Raise unless this engine can run here (binaries, daemon, versions, remote hosts)."""

    def prepare(self) -> None:
        """Make what the components need before they start: images or binaries, data folders or volumes."""

    def start(
        self, mode: Mode, components: Sequence[Component], *, cluster_identifier: str | None = None
    ) -> None:
        """Start the components in a mode and return when each is healthy (the app of testing mode: idle).

        A component that runs in the other mode, or with other settings, is restarted. `cluster_identifier` is what
        app and callback are told in testing mode.
        """

    def stop(self, components: Sequence[Component]) -> None:
        """Stop the components gently, then firmly; their data stays."""

    def statuses(self) -> list[ComponentStatus]:
        """One entry per component, in the order of `Component`, probed now."""

    def initialize_databases(self) -> None:
        """Run docker/init-dev-db.sh and docker/init-test-db.sh as the superuser of the running postgres."""

    def run_script(self, words: Sequence[str], variables: Mapping[str, str]) -> str:
        """Run a script of docker/ with its arguments, told these variables, as the superuser of the running postgres.

        Answers what it printed; its exit code 3 is a refusal.
        """

    def query(self, database: str, sql: str) -> list[list[str]]:
        """Ask the running postgres as its superuser, in a read-only session; rows of text."""

    def execute(self, component: Component, command: Sequence[str], *, interactive: bool = True) -> int:
        """Run a command inside a running component, on this terminal; its exit code.

        In app it has the settings of the mode that app runs in. Ctrl-C and SIGTERM reach the command.
        """

    def capture(self, component: Component, command: Sequence[str]) -> str:
        """Run a command inside a running component; its output. Raises EnvironmentFailed on a non-zero exit."""

    def logs(self, components: Sequence[Component], *, follow: bool, tail: int) -> None:
        """Print the components' log lines in the order of time, each with its component's name."""

    def ports(self) -> Mapping[Component, int]:
        """The ports of this machine that the components bind."""

    def wipe(self) -> None:
        """Remove the engine's data of this project: databases, cache, logs. Only throw-away projects are wiped."""
