"""What stands in the shell or in an env file can mislead no verb."""

import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.projects.project import ThrowawayProject
from tests.support.servers.clusters import Cluster, programs, start_cluster

CANARY = "SELECT count(*) FROM canary"


@pytest.fixture(scope="module", name="decoy")
def _decoy() -> Iterator[Cluster]:
    """Another PostgreSQL with databases and roles of the same names, whose every table has a row to lose."""
    with programs() as (binaries, account), start_cluster(binaries, account) as cluster:
        for script in ("init-dev-db.sh", "init-test-db.sh"):
            assert cluster.initialize(script).returncode == 0
        for database in ("dashtam", "dashtam_test", "postgres"):
            cluster.ask("CREATE TABLE canary AS SELECT 1", database=database)
        yield cluster


def poison(decoy: Cluster) -> dict[str, str]:
    """Variables that lead to the decoy, as a shell that was used for something else holds them."""
    owner = decoy.owners
    url = (
        f"{owner['TEST_POSTGRES_USER']}:{owner['TEST_POSTGRES_PASSWORD']}@127.0.0.1:{decoy.port}/dashtam_test"
    )
    return {
        "DATABASE_URL": f"postgresql+asyncpg://{url}",
        "TEST_DATABASE_URL": f"postgresql://{url}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(decoy.port),
        "PGUSER": "postgres",
        "PGPASSWORD": decoy.superuser_password,
        "PGDATABASE": "dashtam_test",
        "PGOPTIONS": "-c search_path=evil",
        "PGSERVICE": "evil",
        "PGSERVICEFILE": "/nonexistent",
        "PGPASSFILE": "/nonexistent",
        "PGTARGETSESSIONATTRS": "standby",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "POSTGRES_PORT": str(decoy.port),
        "POSTGRES_DB": "evil",
        "POSTGRES_PASSWORD": "evil",
        "TEST_POSTGRES_DB": "dashtam",
        "CLUSTER_IDENTIFIER": decoy.identifier,
        "DEVELOPMENT_DATABASE": "elsewhere:1/none",
        "DASHTAM_ENV_FILE": "/nonexistent",
        "COMPOSE_FILE": "/nonexistent.yml",
        "COMPOSE_PROFILES": "evil",
        "COMPOSE_ENV_FILES": "/nonexistent",
        "TESTING": "false",
        "ENVIRONMENT": "development",
        "PYTHONPATH": "/nonexistent",
    }


@contextmanager
def poisoned_env_files(project: ThrowawayProject, poisoned: dict[str, str]) -> Iterator[None]:
    """What only the engine may say stands in both env files as well."""
    names = (
        "DATABASE_URL",
        "REDIS_URL",
        "CLUSTER_IDENTIFIER",
        "DEVELOPMENT_DATABASE",
        "COMPOSE_FILE",
        "PGHOST",
    )
    lines = "".join(f"{name}={poisoned[name]}\n" for name in names) + "COMPOSE_PROJECT_NAME=evil\n"
    texts = {path: path.read_text() for path in (project.env_file, project.checkout / ".env.test")}
    for path, text in texts.items():
        path.write_text(text + lines)
    try:
        yield
    finally:
        for path, text in texts.items():
            path.write_text(text)


def test_a_poisoned_shell_and_env_files_lead_no_verb_to_another_server(
    development: ThrowawayProject, decoy: Cluster
) -> None:
    rows, poisoned = development.dump(), poison(decoy)
    with poisoned_env_files(development, poisoned):
        run_every_verb(development, poisoned)
    assert development.dump() == rows
    for database in ("dashtam", "dashtam_test", "postgres"):
        assert decoy.ask(CANARY, database=database) == "1"


def run_every_verb(development: ThrowawayProject, poisoned: dict[str, str]) -> None:
    for words in (
        ("test.setup",),
        ("test.unit",),
        ("test.integration",),
        ("test.clean",),
        ("up",),
        ("db.migrate",),
    ):
        development.done(*words, **poisoned)
    asked = development.done("db.shell", "--", "-At", "-c", "SELECT current_database()", **poisoned)
    assert "dashtam" in asked


def test_no_process_inherits_what_the_shell_holds(development: ThrowawayProject, decoy: Cluster) -> None:
    poisoned = poison(decoy)
    seen = json.loads(
        development.done(
            *("exec", "app", "--", "python", "-c", "import json, os; print(json.dumps(dict(os.environ)))"),
            **poisoned,
        )
    )
    assert [name for name, value in poisoned.items() if seen.get(name) == value != "development"] == []


def test_a_remote_docker_host_is_never_spoken_to(development: ThrowawayProject) -> None:
    """The listener stands for somebody's server; not one connection may reach it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        host = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        answer = development.invoke("up", DOCKER_HOST=host)
        assert answer.code == (3 if development.engine_name == "compose" else 0), answer.output
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            ("ENVIRONMENT=testing", "ENVIRONMENT=production"),
            "ENVIRONMENT is 'production' in .env.test; expected testing",
        ),
        (("ENVIRONMENT=testing", "ENVIRONMENT=development"), "ENVIRONMENT is 'development' in .env.test"),
        (("TESTING=true", 'TESTING="false"'), "TESTING is 'false' in .env.test; expected true"),
        (("TESTING=true", "TESTING='no'"), "TESTING is 'no' in .env.test; expected true"),
        (("TESTING=true", "#"), "TESTING is '' in .env.test; expected true"),
        (
            ("DISABLE_EXTERNAL_CALLS=true", "DISABLE_EXTERNAL_CALLS=false"),
            "DISABLE_EXTERNAL_CALLS is 'false'",
        ),
    ],
)
def test_settings_that_do_not_say_testing_are_refused_before_anything_stops(
    development: ThrowawayProject, change: tuple[str, str], reason: str
) -> None:
    file = development.checkout / ".env.test"
    text = file.read_text()
    file.write_text(text.replace(*change))
    try:
        answer = development.invoke("test.setup")
        health = development.health()
    finally:
        file.write_text(text)
    assert answer.code == 3, answer.output
    assert reason in answer.output
    assert set(health.values()) == {"healthy"}


def test_a_shell_that_is_for_production_is_refused(development: ThrowawayProject) -> None:
    answer = development.invoke("test.setup", ENVIRONMENT="production")
    assert answer.code == 3
    assert "ENVIRONMENT is 'production' in this shell" in answer.output
    assert "unset ENVIRONMENT" in answer.last_line
    assert set(development.health().values()) == {"healthy"}


def test_a_test_database_without_our_stamp_is_left_alone(development: ThrowawayProject) -> None:
    stamp = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'dashtam_test'"
    ((expected,),) = development.ask(stamp)

    def comment(text: str) -> None:  # the test role owns its database, so it may
        sql = f"COMMENT ON DATABASE dashtam_test IS '{text}'"
        words = ("psql", "-U", "dashtam_test_user", "-d", "dashtam_test", "-c", sql)
        development.done("exec", "postgres", "--", "env", "PGPASSWORD=test_password", *words)

    comment("the only copy")
    try:
        answer = development.invoke("test.setup")
        assert answer.code == 3, answer.output
        assert "does not carry our stamp" in answer.output
        assert development.ask(stamp) == [["the only copy"]]
    finally:
        comment(expected)
    development.done("test.setup")


def test_a_second_clone_under_the_same_project_name_is_refused_whatever_it_tries(
    development: ThrowawayProject, folder: Path
) -> None:
    """A clone of the same name elsewhere, with secrets of its own, that would take the data for its own."""
    rows, processes = development.dump(), [entry["process"] for entry in development.status()["components"]]
    checkout = folder / "elsewhere" / development.checkout.name
    clone = ThrowawayProject(development.engine_name, checkout, development.data, development.name)
    shutil.copy(clone.checkout / ".env.example", clone.env_file)
    for verb in ("up", "test.setup", "test.clean", "down", "db.migrate", "db.snapshot"):
        answer = clone.invoke(verb)
        assert answer.code == 3, answer.output
        assert f"belongs to the checkout {development.checkout}" in answer.output
        assert "COMPOSE_PROJECT_NAME=" in answer.last_line
    assert [entry["process"] for entry in development.status()["components"]] == processes
    assert development.dump() == rows


def test_a_busy_port_is_named_with_its_holder_and_the_setting_that_moves_it(
    development: ThrowawayProject,
) -> None:
    development.done("down")
    with socket.create_server(("127.0.0.1", development.ports["REDIS_PORT"])):
        answer = development.invoke("up")
        assert answer.code == 1
        assert f"port {development.ports['REDIS_PORT']} of redis is held by pid" in answer.output
        assert "REDIS_PORT in .env moves it" in answer.output
        assert set(development.health().values()) == {"stopped"}
    development.done("up")


def test_a_busy_default_port_gives_way_at_the_first_run_and_is_recorded(fresh: ThrowawayProject) -> None:
    with socket.create_server(("127.0.0.1", fresh.ports["APP_PORT"])):
        shown = fresh.done("up")
    assert f"because {fresh.ports['APP_PORT']} is held by pid" in shown
    assert f"APP_PORT={fresh.ports['APP_PORT']}\n" not in fresh.env_file.read_text()
    assert set(fresh.health().values()) == {"healthy"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"APP_PORT=8000\r\n", "line ends of Windows"),
        (None, "is a folder"),
        (b"APP_PORT=8000\nCALLBACK_PORT=8000\nPOSTGRES_PORT=x\n", "APP_PORT are both 8000"),
    ],
)
def test_an_env_file_that_cannot_be_used_stops_every_verb_before_it_begins(
    fresh: ThrowawayProject, content: bytes | None, reason: str
) -> None:
    if content is None:
        fresh.env_file.mkdir()
    else:
        fresh.env_file.write_bytes(content)
    answer = fresh.invoke("up")
    assert answer.code == 2
    assert reason in answer.output
    assert answer.last_line.startswith("→ ")
    assert [path.name for path in fresh.home.iterdir()] == ["lock"]
    if content is None:
        shutil.rmtree(fresh.env_file)


def test_the_engine_is_never_switched_silently(development: ThrowawayProject) -> None:
    other = "embedded" if development.engine_name == "compose" else "compose"
    for words, shell in ((("up", "--engine", other), {}), (("up",), {"DASHTAM_ENGINE": other})):
        answer = development.invoke(*words, **shell)
        assert answer.code == 3, answer.output
        assert f"is in the engine {development.engine_name}, not in {other}" in answer.output
        assert "COMPOSE_PROJECT_NAME=" in answer.last_line
    assert set(development.health().values()) == {"healthy"}
