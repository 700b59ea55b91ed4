"""Ports of this machine: find free ones at the first run, name the holder of a busy one later."""

import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import psutil

from dashtam.devenv.components import LOOPBACK, Component
from dashtam.devenv.errors import EnvironmentFailed, list_problems
from dashtam.devenv.project.configuration import Configuration

PORT_OF: Final = {
    Component.POSTGRES: "POSTGRES_PORT",
    Component.REDIS: "REDIS_PORT",
    Component.APP: "APP_PORT",
    Component.CALLBACK: "CALLBACK_PORT",
}
_HIGHEST: Final = 65_535


def find_port_holder(port: int) -> str | None:
    """Who listens on a port that we would bind, as `pid 4711 (postgres -D ...)`; None where it is free."""
    for address in (LOOPBACK, "0.0.0.0"):  # noqa: S104 - nothing is served: both kinds of holder are looked for
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind((address, port))
            except OSError:
                return _describe_listener(port)
    return None


def _describe_listener(port: int) -> str:
    try:
        listeners = [
            connection.pid
            for connection in psutil.net_connections(kind="tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid
        ]
        if listeners:
            process = psutil.Process(listeners[0])
            return f"pid {process.pid} ({' '.join(process.cmdline())[:120] or process.name()})"
    except (psutil.Error, PermissionError):
        pass
    return "a process of another user (its pid cannot be seen from here)"


FindHolder = Callable[[int], str | None]


def choose_ports(
    wanted: Mapping[str, int], find_holder: FindHolder = find_port_holder
) -> dict[str, tuple[int, str | None]]:
    """Give each setting its port, or the next free one; with the holder of the port that it could not have.

    Raises:
        EnvironmentFailed: no port is free above a wanted one.
    """
    chosen: dict[str, tuple[int, str | None]] = {}
    for setting, port in wanted.items():
        taken = {other for other, _ in chosen.values()} | (set(wanted.values()) - {port})
        holder = find_holder(port)
        chosen[setting] = (port if holder is None else _next_free(port, taken, find_holder), holder)
    return chosen


def _next_free(port: int, taken: set[int], find_holder: FindHolder) -> int:
    for candidate in range(port + 1, _HIGHEST + 1):
        if candidate not in taken and find_holder(candidate) is None:
            return candidate
    raise EnvironmentFailed(f"no port above {port} is free", advice="end what holds them")


def refuse_busy_ports(
    configuration: Configuration, components: Iterable[Component], find_holder: FindHolder = find_port_holder
) -> None:
    """Check that the ports of components which do not run yet are free.

    Raises:
        EnvironmentFailed: each busy port with its holder and the setting that moves it.
    """
    ports = component_ports(configuration)
    problems = [
        f"port {ports[component]} of {component} is held by {holder}; {PORT_OF[component]} in .env moves it"
        for component in components
        if component in ports and (holder := find_holder(ports[component])) is not None
    ]
    if problems:
        raise EnvironmentFailed(
            list_problems("nothing was started, ports are busy", problems),
            advice=f"end the holder, or edit {configuration.checkout / '.env'}; then invoke up",
        )


def component_ports(configuration: Configuration) -> dict[Component, int]:
    """The port of each component that has one."""
    return {
        Component.POSTGRES: configuration.postgres_port,
        Component.REDIS: configuration.redis_port,
        Component.APP: configuration.app_port,
        Component.CALLBACK: configuration.callback_port,
    }
