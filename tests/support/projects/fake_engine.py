"""An engine of our own: real code that keeps its components in memory and remembers what it was asked to do."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from dashtam.devenv.components import SERVERS, Component, EngineName, Mode
from dashtam.devenv.engines.engine import ComponentStatus, Health
from dashtam.devenv.errors import EnvironmentFailed


class FakeEngine:
    """Starts and stops components by noting it; answers the questions that the verbs ask of PostgreSQL."""

    name: ClassVar[EngineName] = EngineName.EMBEDDED

    def __init__(self, *, cluster: str = "42") -> None:
        self.cluster = cluster
        self.contents = {"users": ["1", "10"], "providers": ["6", "60"]}
        self.modes: dict[Component, Mode] = {}
        self.acts: list[str] = []
        self.applied: list[str] = []
        self.pending: dict[str, object] = {"is_empty": True, "pending": []}
        self.exit_codes: dict[str, int] = {}
        self.when: dict[str, Callable[[], None]] = {}
        self.told: dict[str, Mapping[str, str]] = {}
        self.snapshots: dict[str, str] = {}
        self.occupants: list[str] = []

    def _act(self, name: str) -> None:
        self.acts.append(name)
        if happens := self.when.get(name):
            happens()

    def check(self) -> None:
        self._act("check")

    def prepare(self) -> None:
        self._act("prepare")

    def start(
        self, mode: Mode, components: Sequence[Component], *, cluster_identifier: str | None = None
    ) -> None:
        told = f" of cluster {cluster_identifier}" if cluster_identifier else ""
        self._act(f"start {' '.join(components)} for {mode}{told}")
        self.modes |= dict.fromkeys(components, mode)

    def stop(self, components: Sequence[Component]) -> None:
        self._act(f"stop {' '.join(components)}")
        for component in components:
            self.modes.pop(component, None)

    def statuses(self) -> list[ComponentStatus]:
        return [self._status(component) for component in Component]

    def _status(self, component: Component) -> ComponentStatus:
        mode = self.modes.get(component)
        if mode is None:
            return ComponentStatus(component, Health.STOPPED)
        idle = component is Component.APP and mode is Mode.TESTING
        address = None if idle else f"https://{component}"
        health = Health.IDLE if idle else Health.HEALTHY
        return ComponentStatus(component, health, address=address, mode=mode, process="1")

    def initialize_databases(self) -> None:
        self._act("initialize databases")

    def run_script(self, words: Sequence[str], variables: Mapping[str, str]) -> str:
        script = " ".join(words)
        self.told[script] = variables
        self._act(f"run {script}")
        if script == "snapshot.sh take":
            self.snapshots[variables["DASHTAM_SNAPSHOT_DATABASE"]] = self.stamp(**variables)
        elif script == "snapshot.sh restore":
            self.snapshots[variables["DASHTAM_SNAPSHOT_BEFORE"]] = self.stamp(**variables)
        elif script == "snapshot.sh drop":
            del self.snapshots[variables["DASHTAM_SNAPSHOT_DATABASE"]]
        return "clone ext4"

    def stamp(self, **variables: str) -> str:
        """What docker/snapshots/*.psql would write."""
        source, head, reason = (
            variables[f"DASHTAM_SNAPSHOT_{name}"] for name in ("SOURCE", "HEAD", "REASON")
        )
        created = datetime.now(UTC).isoformat(timespec="seconds")
        return (
            f"dashtam purpose=snapshot cluster={self.cluster} source={source} created={created} "
            f"head={head} reason={reason}"
        )

    def query(self, database: str, sql: str) -> list[list[str]]:
        if "pg_control_system" in sql:
            return [[self.cluster]]
        if "pg_prepared_xacts" in sql:
            return [["dashtam", "", who] for who in self.occupants]
        if "shobj_description" in sql:
            return [[name, "8000000", comment] for name, comment in sorted(self.snapshots.items())]
        if "pg_stat_activity" in sql:
            return [
                [f"dashtam.{mode}.{component}", "dashtam", "dashtam_user"]
                for component, mode in self.modes.items()
                if component in SERVERS and mode is Mode.DEVELOPMENT
            ]
        if "FROM pg_database" in sql:
            return [[name] for name in ("dashtam", "dashtam_test", *sorted(self.snapshots))]
        if "hashtextextended" in sql:
            return [[table] for table in self.contents]
        if "FILTER" in sql:
            return [[str(len(self.contents)), "1"]]
        if "SELECT version" in sql:
            return [[name] for name in self.applied]
        if "aerich" in sql:
            return [["1"]] if "count(*)" in sql else [["0_1_init.py"]]
        return [[table, *numbers] for table, numbers in self.contents.items()]

    def execute(self, component: Component, command: Sequence[str], *, interactive: bool = True) -> int:
        module = command[2] if command[:2] == ["python", "-m"] else command[0]
        self._act(f"execute {module} in {component}")
        return self.exit_codes.get(module, 0)

    def capture(self, component: Component, command: Sequence[str]) -> str:
        if command[-1] != "pending":
            raise EnvironmentFailed(f"the fake engine runs nothing in {component}")
        self._act("read pending migrations")
        return json.dumps(self.pending)

    def logs(self, components: Sequence[Component], *, follow: bool, tail: int) -> None:
        self._act("logs")

    def ports(self) -> Mapping[Component, int]:
        return {}

    def wipe(self) -> None:
        self._act("wipe")
