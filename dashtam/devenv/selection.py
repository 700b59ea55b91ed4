"""Which engine runs a project: chosen once, recorded, never silently switched."""

from collections.abc import Mapping

from dashtam.devenv.components import EngineName
from dashtam.devenv.engines.engine import Engine
from dashtam.devenv.errors import EnvironmentFailed, EnvironmentMisused, EnvironmentRefused
from dashtam.devenv.project.configuration import Configuration
from dashtam.devenv.project.state import State


def select_engine(
    option: str | None, shell: Mapping[str, str], state: State, configuration: Configuration
) -> Engine:
    """Open the engine of `--engine`, else of DASHTAM_ENGINE, else the recorded one, else the one that works here.

    Raises:
        EnvironmentMisused: there is no engine of that name.
        EnvironmentRefused: another engine holds the data of this project.
    """
    asked = read_engine_name("--engine", option) or read_engine_name(
        "DASHTAM_ENGINE", shell.get("DASHTAM_ENGINE")
    )
    if asked and state.engine and state.clusters and asked not in state.clusters:
        raise EnvironmentRefused(
            f"the data of project {configuration.project} is in the engine {state.engine}, not in {asked}; "
            "switching would look as if it were lost",
            advice=f"leave the engine out to go on with {state.engine}, or begin a second environment: "
            f"COMPOSE_PROJECT_NAME={configuration.project[:30]}-{asked} invoke up --engine {asked}",
        )
    return open_engine(asked or state.engine or _find_working(configuration), configuration)


def read_engine_name(source: str, value: str | None) -> EngineName | None:
    """Read a name of an engine; None where nothing was said.

    Raises:
        EnvironmentMisused: there is no engine of that name.
    """
    if not value:
        return None
    try:
        return EngineName(value)
    except ValueError:
        names = " or ".join(EngineName)
        raise EnvironmentMisused(
            f"{source} is {value!r}; expected {names}", advice="invoke --help up"
        ) from None


def open_engine(name: EngineName, configuration: Configuration) -> Engine:
    """Open an engine by name. This is the one place that tells the twins apart."""
    if name is EngineName.COMPOSE:
        from dashtam.devenv.engines.compose.engine import ComposeEngine

        return ComposeEngine(configuration)
    from dashtam.devenv.engines.embedded.engine import EmbeddedEngine

    return EmbeddedEngine(configuration)


def _find_working(configuration: Configuration) -> EngineName:
    try:
        open_engine(EngineName.COMPOSE, configuration).check()
    except EnvironmentFailed:
        return EngineName.EMBEDDED
    return EngineName.COMPOSE
