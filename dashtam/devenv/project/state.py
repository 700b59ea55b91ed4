"""What a project remembers between two verbs: its engine, and which cluster each engine made."""

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from dashtam.devenv.components import EngineName
from dashtam.devenv.errors import EnvironmentRefused
from dashtam.devenv.project.files import ensure_home, write_atomically


@dataclass(frozen=True)
class State:
    """The record of a project; immutable, `with_` builds the next one."""

    engine: EngineName | None = None
    """The engine of the first `up`."""
    checkout: str | None = None
    """The checkout whose `.env` holds the secrets of this data."""
    clusters: dict[EngineName, str] = field(default_factory=dict)
    """system_identifier of the PostgreSQL cluster that each engine made."""

    def with_engine(self, engine: EngineName, checkout: Path) -> Self:
        """Build the record after an engine was chosen for a checkout."""
        return replace(self, engine=engine, checkout=str(checkout))

    def with_cluster(self, engine: EngineName, identifier: str) -> Self:
        """Build the record after an engine made its cluster."""
        return replace(self, clusters={**self.clusters, engine: identifier})


def state_path(home: Path) -> Path:
    """Where the record of a project stands."""
    return home / "state.json"


def load_state(home: Path) -> State:
    """Read the record; an empty one where nothing was recorded yet.

    Raises:
        EnvironmentRefused: the record cannot be understood. Going on without it could adopt a stranger's cluster.
    """
    path = state_path(home)
    try:
        return _parse(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return State()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EnvironmentRefused(
            f"{path} is damaged ({error}); it says which engine and which PostgreSQL cluster belong to this project",
            advice=f"mv {path} {path}.damaged && invoke up --engine compose (or embedded: the one that you used)",
        ) from None


def _parse(document: Any) -> State:  # noqa: ANN401 - whatever stands in the file
    clusters = {EngineName(name): identifier for name, identifier in document["clusters"].items()}
    if wrong := [seen for seen in clusters.values() if not re.fullmatch("[0-9]{1,20}", seen)]:
        raise ValueError(f"{wrong[0][:40]!r} is no cluster identifier")
    engine, checkout = document["engine"], document["checkout"]
    if not isinstance(checkout, str | None):
        raise TypeError("the checkout is no path")
    return State(EngineName(engine) if engine is not None else None, checkout, clusters)


def save_state(home: Path, state: State) -> None:
    """Write the record in one step."""
    ensure_home(home)
    document = {"engine": state.engine, "checkout": state.checkout, "clusters": state.clusters}
    write_atomically(state_path(home), (json.dumps(document, indent=2) + "\n").encode())
