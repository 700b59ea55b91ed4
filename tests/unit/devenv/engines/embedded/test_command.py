"""What the embedded engine would run, and what it would never tell anybody."""

import configparser
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.devenv.components import Component, Mode
from dashtam.devenv.engines.embedded import command
from dashtam.devenv.engines.embedded.binaries import Binaries
from dashtam.devenv.engines.embedded.command import Launch
from dashtam.devenv.engines.embedded.folders import Folders
from dashtam.devenv.project.configuration import Configuration, DatabaseOwner

SECRETS = ("dev-secret", "test-secret", "redis-secret", "redis-test-secret")
BINARIES = Binaries(Path("/p/bin"), Path("/v/valkey-server"))


@pytest.fixture(name="configuration")
def _configuration(tmp_path: Path) -> Configuration:
    return Configuration(
        project="unit",
        checkout=tmp_path / "checkout",
        home=tmp_path / "home",
        app_port=8000,
        callback_port=8182,
        postgres_port=5432,
        redis_port=6379,
        owners={
            Mode.DEVELOPMENT: DatabaseOwner("dashtam", "dashtam_user", "dev-secret"),
            Mode.TESTING: DatabaseOwner("dashtam_test", "dashtam_test_user", "test-secret"),
        },
        redis_indexes={Mode.DEVELOPMENT: 0, Mode.TESTING: 1},
        redis_passwords={Mode.DEVELOPMENT: "redis-secret", Mode.TESTING: "redis-test-secret"},
    )


@pytest.fixture(name="folders")
def _folders(configuration: Configuration) -> Folders:
    configuration.home.mkdir()
    return Folders(configuration.home)


POISON = {
    "DATABASE_URL": "postgresql://u:p@elsewhere/live",
    "REDIS_URL": "redis://elsewhere",
    "PGHOST": "elsewhere",
    "PGSERVICE": "live",
    "PGOPTIONS": "-c search_path=evil",
    "COMPOSE_FILE": "x",
    "DOCKER_HOST": "ssh://x",
    "ENVIRONMENT": "production",
    "TESTING": "true",
    "PYTHONPATH": "/evil",
    "LD_PRELOAD": "/evil.so",
    "PATH": "/evil",
}


@pytest.mark.parametrize("mode", list(Mode))
def test_a_server_gets_nothing_of_the_shell_but_the_allowed(configuration: Configuration, mode: Mode) -> None:
    environment = command.server_environment(
        configuration, mode, {**POISON, "HOME": "/h", "TERM": "vt100"}, cluster_identifier="7"
    )

    assert not {name for name, value in environment.items() if POISON.get(name) == value}
    assert environment["HOME"] == "/h"
    assert environment["TERM"] == "vt100"
    assert environment["ENVIRONMENT"] == mode
    assert environment["DASHTAM_ENV_FILE"] == str(configuration.env_file(mode))
    assert environment["DATABASE_URL"].endswith(f"@127.0.0.1:5432/{configuration.owner(mode).database}")


def test_a_store_and_a_client_get_nothing_of_the_shell() -> None:
    store = command.store_environment(Path("/data"))
    client = command.client_environment(
        5432, user="u", password="p", database="d", binaries=Binaries(Path("/p"), Path("/v"))
    )

    assert set(store) == {"PATH", "HOME", "LANG", "TZ"}
    assert client["PGHOST"] == "127.0.0.1"
    assert client["PGPASSFILE"] == "/dev/null"


def test_no_secret_stands_on_a_command_line_or_in_supervisors_file(
    folders: Folders, configuration: Configuration
) -> None:
    words = [
        *command.postgres_command(BINARIES, folders.cluster, 5432),
        *command.initdb_command(BINARIES, folders.cluster, Path("/private/password")),
        *command.server_command(Component.APP, 8000, folders),
        command.supervisor_configuration(folders),
    ]

    assert not [word for word in words for secret in SECRETS if secret in word]


def test_postgres_serves_loopback_only_and_keeps_its_durability(folders: Folders) -> None:
    words = command.postgres_command(BINARIES, folders.cluster, 5432)

    assert "listen_addresses=127.0.0.1" in words
    assert "unix_socket_directories=" in words
    assert not [word for word in words if "fsync" in word or "full_page_writes" in word]


@pytest.mark.parametrize("component", [Component.APP, Component.CALLBACK])
def test_both_servers_serve_loopback_only_over_tls(folders: Folders, component: Component) -> None:
    words = command.server_command(component, 8182, folders)

    assert [word for before, word in pairwise(words) if before == "--bind"] == ["127.0.0.1:8182"]
    assert {"--certfile", "--keyfile"} <= set(words)
    assert not {"--insecure-bind", "--quic-bind"} & set(words)


def test_initdb_makes_passwords_and_checksums(folders: Folders) -> None:
    words = command.initdb_command(BINARIES, folders.cluster, Path("/private/password"))

    assert {"--auth=scram-sha-256", "--data-checksums", "--username=postgres"} <= set(words)


def test_redis_serves_loopback_only_with_a_log_and_the_users_it_is_given() -> None:
    lines = command.redis_configuration(Path("/data"), 6379, "user default off\n").splitlines()

    assert {"bind 127.0.0.1", "appendonly yes", "user default off", "set-proc-title no"} <= set(lines)


@given(st.text(min_size=1))
def test_a_folder_of_any_letters_stays_one_word_of_the_redis_configuration(name: str) -> None:
    folder = Path("/") / name.replace("\0", "")
    line = command.redis_configuration(folder, 1, "").splitlines()[3]

    directive, quoted = line.split(" ")
    assert directive == "dir"
    assert bytes.fromhex(quoted.strip('"').replace("\\x", "")).decode() == str(folder)


@pytest.mark.parametrize("mode", list(Mode))
def test_redis_knows_the_user_of_the_mode_and_of_its_password_the_hash(
    configuration: Configuration, mode: Mode
) -> None:
    rules = "# user none\n\nuser default off\nuser health on +ping\nuser development on\nuser testing on\n"

    users = command.redis_users(rules, configuration, mode)

    assert [line.split()[1] for line in users.splitlines()] == ["default", "health", mode.value]
    assert users.count(" #") == 2
    assert not [secret for secret in SECRETS if secret in users]


@pytest.mark.parametrize("name", ["home", "with space", "100%s", "quo'te", "#hash", "ünïcode", "semi;colon"])
def test_supervisor_reads_back_any_folder_name(tmp_path: Path, name: str) -> None:
    folders = Folders(tmp_path / name)
    folders.home.mkdir()
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), interpolation=None)

    parser.read_string(command.supervisor_configuration(folders))

    section = parser["program:postgres"]
    assert section["stdout_logfile"].replace("%%", "%") == str(folders.logs / "postgres.log")
    words = shlex.split(section["command"].replace("%%", "%"))
    assert words[-1] == str(folders.run / "postgres.json")


@pytest.mark.parametrize("name", ["line\nbreak", "comment ;here"])
def test_a_folder_name_that_supervisor_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    folders = Folders(tmp_path / name)
    folders.home.mkdir()

    with pytest.raises(ValueError, match="line break"):
        command.supervisor_configuration(folders)


def build(folders: Folders, environment: dict[str, str], *, reads: list[bytes]) -> Launch:
    return command.build_launch(
        Component.APP, ["app"], environment, folders, folder=folders.home, account=(1, 2), reads=reads
    )


def test_a_launch_survives_its_file_and_does_not_show_its_secrets(folders: Folders) -> None:
    launch = build(folders, {"PASSWORD": "dev-secret"}, reads=[])

    assert Launch.deserialize(launch.serialize()) == launch
    assert "dev-secret" not in repr(launch)


def test_a_launch_is_another_when_a_setting_or_a_file_that_it_reads_changes(folders: Folders) -> None:
    digests = {
        build(folders, {"A": "1"}, reads=[b"x"]).digest,
        build(folders, {"A": "2"}, reads=[b"x"]).digest,
        build(folders, {"A": "1"}, reads=[b"y"]).digest,
        build(folders, {"A": "1"}, reads=[]).digest,
    }

    assert len(digests) == 4
    assert build(folders, {"A": "1"}, reads=[b"x"]).digest in digests
