"""What is wrong with an environment, and how to mend it."""

import datetime as dt
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dashtam.devenv.components import Component
from dashtam.devenv.engines.compose.command import ASKED_ONCE
from dashtam.devenv.engines.engine import Health
from dashtam.devenv.engines.observation import read_cluster_identifier
from dashtam.devenv.errors import EnvironmentFailed
from dashtam.devenv.project.certificates import Certificates, find_authority_problem, find_server_problem
from dashtam.devenv.project.configuration import Configuration, read_configuration
from dashtam.devenv.project.env_files import read_env_file
from dashtam.devenv.project.hosts import find_distant_hosts
from dashtam.devenv.project.lock import find_holder, find_leftover
from dashtam.devenv.project.ports import PORT_OF, component_ports, find_port_holder
from dashtam.devenv.project.project import Project, locate_project
from dashtam.devenv.project.state import State, load_state
from dashtam.devenv.report import Report
from dashtam.devenv.selection import select_engine
from dashtam.devenv.session import CHECKOUT, Session, running

_IGNORED: Final = re.compile(
    r"(DATABASE_URL|REDIS_URL|PG[A-Z]+|COMPOSE_(?!PROJECT_NAME)\w+|DOCKER_\w+|ENVIRONMENT|TESTING)"
)
_CLOCK_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    seen: str
    mend: str | None = None
    """What to do; None where all is well."""


def examine(report: Report, shell: Mapping[str, str], checkout: Path = CHECKOUT) -> int:
    """Look at everything that an environment needs, and print it; answers 1 where something is wrong."""
    findings = list(find_all(report, shell, checkout))
    for finding in findings:
        report.say(f"{'✗' if finding.mend else '✓'} {finding.subject}: {finding.seen}")
        if finding.mend:
            report.say(f"    → {finding.mend}")
    wrong = sum(1 for finding in findings if finding.mend)
    if wrong:
        raise EnvironmentFailed(
            f"{wrong} of {len(findings)} things are wrong",
            advice="mend them as the arrows say, then invoke doctor",
        )
    report.say("all is well")
    return 0


def find_all(report: Report, shell: Mapping[str, str], checkout: Path) -> Iterator[Finding]:
    """Look at one thing after the other; what cannot be looked at is a finding too."""
    project = locate_project(checkout, shell)
    yield Finding("project", f"{project.name}, data in {project.home}")
    yield from _look_at_shell(shell)
    yield _look_at_lock(project)
    yield from _look_at_env_files(checkout)
    yield from _look_at_certificates(project)
    state = configuration = None
    try:
        state = load_state(project.home)
        yield Finding(
            "record", f"engine {state.engine or 'not chosen yet'}, {len(state.clusters)} cluster(s)"
        )
        configuration = read_configuration(project)
        yield Finding("settings", ".env and .env.test are complete")
    except EnvironmentFailed as failure:
        yield _failed("settings" if state else "record", failure)
    if state and configuration:
        yield from _look_at_engine(report, shell, project, state, configuration)


def _failed(subject: str, failure: EnvironmentFailed) -> Finding:
    return Finding(subject, str(failure), failure.advice or "invoke logs")


def _look_at_shell(shell: Mapping[str, str]) -> Iterator[Finding]:
    asked = sorted(name for name in shell if name in ASKED_ONCE)
    if asked:
        yield Finding("shell", f"{', '.join(asked)} may name a Docker engine, which must be this machine's")
    ignored = sorted(name for name in shell if _IGNORED.fullmatch(name) and name not in asked)
    if ignored:
        yield Finding("shell", f"{', '.join(ignored)} stand in this shell; the tasks pass them over")
    if shell.get("ENVIRONMENT", "").lower() == "production":
        yield Finding(
            "shell", "ENVIRONMENT is production", "unset ENVIRONMENT, or use another shell for development"
        )


def _look_at_lock(project: Project) -> Finding:
    if holder := find_holder(project.home):
        return Finding("lock", f"held by {holder}")
    if leftover := find_leftover(project.home):
        return Finding(
            "lock", f"free; {leftover} was killed at its work, and the next verb goes on from there"
        )
    return Finding("lock", "free")


def _look_at_env_files(checkout: Path) -> Iterator[Finding]:
    for name in (".env", ".env.test"):
        path = checkout / name
        try:
            values = read_env_file(path)
        except EnvironmentFailed as failure:
            yield _failed(name, failure)
            continue
        if elsewhere := _find_elsewhere(path, values):
            yield elsewhere
        elif name == ".env" and path.stat().st_mode & 0o077:
            yield Finding(name, "others may read its secrets", f"chmod 600 {path}")
        else:
            yield Finding(name, f"{len(values)} settings, all of this machine")
    for path in sorted(checkout.glob(".env*")):
        if path.name not in {".env", ".env.test"} and path.is_file():
            # Other tools read these, each in its own way; all that matters here is what they lead to.
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            settings = (
                line.removeprefix("export ").partition("=") for line in lines if not line.startswith("#")
            )
            if elsewhere := _find_elsewhere(path, {name.strip(): value for name, _, value in settings}):
                yield elsewhere


def _find_elsewhere(path: Path, values: Mapping[str, str]) -> Finding | None:
    hosts = sorted({host for setting in values.items() for host in find_distant_hosts(*setting)})
    if not hosts:
        return None
    return Finding(
        path.name,
        f"names {', '.join(hosts)}, which is not this machine",
        f"remove it from {path.name}: the environment of a developer has no data elsewhere",
    )


def _look_at_certificates(project: Project) -> Iterator[Finding]:
    files = Certificates(project.home)
    now = dt.datetime.now(dt.UTC)
    looks: list[Callable[[Certificates, dt.datetime], str | None]] = [
        find_authority_problem,
        find_server_problem,
    ]
    problems = [problem for look in looks if (problem := look(files, now))]
    for problem in problems:
        yield Finding("certificates", problem, "invoke up, which makes them anew")
    if not problems:
        yield Finding("certificates", f"valid; browsers and curl trust {files.authority}")


def _look_at_engine(
    report: Report, shell: Mapping[str, str], project: Project, state: State, configuration: Configuration
) -> Iterator[Finding]:
    try:
        engine = select_engine(None, shell, state, configuration)
        engine.check()
        session = Session(project, configuration, engine, state, report, shell)
        statuses = session.statuses()
    except EnvironmentFailed as failure:
        yield _failed("engine", failure)
        return
    yield Finding("engine", f"{engine.name} works here")
    alive = running(statuses)
    yield from _look_at_ports(configuration, alive)
    for component in alive:
        status = statuses[component]
        wrong = status.health is Health.UNHEALTHY
        seen = f"{status.health}{': ' if status.detail else ''}{status.detail}"
        yield Finding(
            component, seen, f"invoke logs --component {component}, then invoke restart" if wrong else None
        )
    if statuses[Component.POSTGRES].health is Health.HEALTHY:
        yield from _look_at_cluster(session)


def _look_at_ports(configuration: Configuration, alive: list[Component]) -> Iterator[Finding]:
    for component, port in component_ports(configuration).items():
        if component in alive:
            continue
        holder = find_port_holder(port)
        mend = f"end it, or change {PORT_OF[component]} in .env" if holder else None
        yield Finding(f"port {port} of {component}", f"held by {holder}" if holder else "free", mend)


def _look_at_cluster(session: Session) -> Iterator[Finding]:
    seen = read_cluster_identifier(session.engine)
    expected = session.state.clusters.get(session.engine.name)
    if seen == expected:
        yield Finding("cluster", f"{seen}, the one that this project made")
    else:
        yield Finding("cluster", f"{seen}; expected {expected or 'none yet'}", "invoke down, then invoke up")
    data_folder = session.engine.query("postgres", "SHOW data_directory")[0][0]
    yield Finding("data", f"PostgreSQL writes to {data_folder}")
    asked = time.time()
    theirs = float(
        session.engine.query("postgres", "SELECT extract(epoch FROM clock_timestamp())::text")[0][0]
    )
    # The answer was given at some moment between the question and now; asking may take long.
    apart = max(asked - theirs, theirs - time.time(), 0.0)
    late = f"set the clock; PostgreSQL's and this machine's differ by {apart:.0f} seconds"
    yield Finding(
        "clock", f"PostgreSQL's and ours are {apart:.1f} s apart", late if apart > _CLOCK_SECONDS else None
    )
