"""The questions that every engine puts to a component, through its port on this machine."""

from typing import Final

from dashtam.devenv.components import LOOPBACK, SERVERS, Component, Mode, is_idle
from dashtam.devenv.engines.probes import probe_heartbeat, probe_https, probe_postgres, probe_redis
from dashtam.devenv.project.certificates import Certificates
from dashtam.devenv.project.configuration import Configuration
from dashtam.devenv.project.ports import component_ports

HEALTHY_SECONDS: Final = {
    Component.POSTGRES: 300.0,  # recovery after a crash replays the log first
    Component.REDIS: 120.0,  # reads its append-only file
    Component.APP: 180.0,  # migrates first
    Component.CALLBACK: 180.0,
    Component.REFRESHER: 180.0,
}
"""How long a component that was started may take until it is healthy, on a machine with a lot else to do.

Nobody waits that long for one that ended, only for one that hangs.
"""
HOPELESS_ENDS: Final = 2
"""A component that ended so many times by itself will do so again."""


def ask_component(configuration: Configuration, component: Component, mode: Mode) -> None:
    """Ask a component whether it does its work: postgres as the mode's role, redis as `health`, servers over TLS,
    and refresher, which has no port, by what it last wrote into redis.

    Raises:
        ProbeFailed: what it answered.
    """
    if component is Component.REFRESHER:
        probe_heartbeat(
            configuration.redis_port,
            user=mode.value,
            password=configuration.redis_password(mode),
            index=configuration.redis_index(mode),
            key=f"{mode.value}:heartbeat:{component.value}",
        )
        return
    port = component_ports(configuration)[component]
    if component is Component.POSTGRES:
        owner = configuration.owner(mode)
        probe_postgres(port, user=owner.user, password=owner.password, database=owner.database)
    elif component is Component.REDIS:
        probe_redis(port, user="health", password=configuration.redis_password(Mode.DEVELOPMENT))
    elif not is_idle(component, mode):
        probe_https(port, "/health/ready", authority=Certificates(configuration.home).authority)


def component_address(configuration: Configuration, component: Component) -> str | None:
    """Where a component answers, as a developer would type it; None: it has no port."""
    port = component_ports(configuration).get(component)
    if port is None:
        return None
    return f"https://localhost:{port}" if component in SERVERS else f"{LOOPBACK}:{port}"
