"""No order of verbs fails, and none loses a row."""

from tests.support.projects.project import ThrowawayProject, names

DATABASES = "SELECT datname FROM pg_database WHERE datname LIKE 'dashtam%' ORDER BY 1"


def test_the_test_environment_may_come_first_and_development_after_it(fresh: ThrowawayProject) -> None:
    fresh.done("test.setup")
    assert names(fresh.ask(DATABASES)) == ["dashtam", "dashtam_test"]
    owners = fresh.ask(
        "SELECT datname, rolname, rolsuper::text, rolcreatedb::text, rolcreaterole::text FROM pg_database "
        "JOIN pg_roles ON pg_roles.oid = datdba WHERE datname LIKE 'dashtam%' ORDER BY 1"
    )
    assert owners == [
        ["dashtam", "dashtam_user", "false", "false", "false"],
        ["dashtam_test", "dashtam_test_user", "false", "false", "false"],
    ]
    fresh.done("down")
    fresh.done("test.setup")
    fresh.done("test.unit")
    fresh.done("test.clean")
    fresh.done("test.clean")
    fresh.done("up")
    assert set(fresh.health().values()) == {"healthy"}
    assert fresh.status()["mode"] == "development"


def test_up_while_the_test_environment_is_on_names_the_way_back_and_touches_nothing(
    development: ThrowawayProject,
) -> None:
    development.done("test.setup")
    for verb in ("up", "restart", "db.migrate"):
        answer = development.invoke(verb)
        assert answer.code == 3
        assert "the test environment is on" in answer.output
        assert "invoke test.clean" in answer.last_line
    assert development.health()["app"] == "idle"


def test_down_in_between_is_no_harm(development: ThrowawayProject) -> None:
    rows = development.dump()
    development.done("test.setup")
    development.done("down")
    assert "nothing is running" in development.done("down")
    development.done("test.clean")
    development.done("up")
    development.done("test.setup")
    development.done("test.setup")
    development.done("down")
    development.done("up")
    assert development.dump() == rows


def test_clean_while_development_runs_leaves_it_alone(development: ThrowawayProject) -> None:
    assert "nothing to clean" in development.done("test.clean")
    assert set(development.health().values()) == {"healthy"}


def test_after_clean_the_test_database_and_its_redis_index_are_gone(development: ThrowawayProject) -> None:
    development.done("test.setup")
    count = (
        "import asyncio, os, redis.asyncio as r; c = r.from_url(os.environ['REDIS_URL']); print(asyncio.run("
    )
    assert "1" in development.done("exec", "app", "--", "python", "-c", count + "c.incr('testing:k')))")
    shown = development.done("test.clean")
    assert "test database dropped" in shown
    assert "Redis index emptied" in shown
    development.done("test.setup")
    assert "(0, [])" in development.done("exec", "app", "--", "python", "-c", count + "c.scan()))")


def test_pytest_without_the_test_environment_names_the_verb_that_makes_it(
    development: ThrowawayProject,
) -> None:
    answer = development.invoke("test.unit")
    assert answer.code == 1
    assert answer.last_line == "→ invoke test.setup"


def test_verbs_before_the_first_up_say_what_to_do(fresh: ThrowawayProject) -> None:
    for verb in ("down", "status", "logs", "test.unit", "test.clean", "db.migrate", "db.history", "shell"):
        answer = fresh.invoke(verb)
        assert answer.code == 1, answer.output
        assert answer.last_line == "→ invoke up"


def test_migrations_and_psql_work_on_the_running_environment(development: ThrowawayProject) -> None:
    assert "init.py" in development.done("db.history")
    assert "nothing is pending" in development.done("db.migrate")
    asked = development.done(
        "db.shell", "--", "-At", "-c", "SELECT current_user || '@' || current_database()"
    )
    assert "dashtam_user@dashtam" in asked
    development.done("test.setup")
    asked = development.done(
        "db.shell", "--", "-At", "-c", "SELECT current_user || '@' || current_database()"
    )
    assert "dashtam_test_user@dashtam_test" in asked


def test_exec_logs_and_restart(development: ThrowawayProject) -> None:
    assert "one  two" in development.done("exec", "app", "--", "sh", "-c", "echo 'one  two'")
    assert development.invoke("exec", "app", "--", "sh", "-c", "exit 7").code == 7
    assert "database system is ready" in development.done("logs", "--component", "postgres")
    before = {entry["component"]: entry["process"] for entry in development.status()["components"]}
    development.done("restart", "--component", "redis")
    assert set(development.health().values()) == {"healthy"}
    if development.engine_name == "embedded":  # a container keeps its name
        after = {entry["component"]: entry["process"] for entry in development.status()["components"]}
        assert before["redis"] != after["redis"]
        assert before["postgres"] == after["postgres"]


def test_wrong_usage_says_what_is_right(development: ThrowawayProject) -> None:
    for words, right in (
        (("up", "--engine", "podman"), "expected compose or embedded"),
        (("logs", "--component", "mysql"), "expected one of postgres, redis, app, callback"),
        (("exec", "mysql"), "expected one of postgres, redis, app, callback"),
        (("exec", "app"), "invoke exec app -- ls -l"),
        (("test.unit", "--options", "-k 'open"), "No closing quotation"),
        (("logs", "--tail", "-1"), "expected 0 or more lines"),
    ):
        answer = development.invoke(*words)
        assert answer.code == 2, answer.output
        assert right in answer.output


def test_the_doctor_is_content_with_a_sound_environment_and_names_what_is_not(
    development: ThrowawayProject,
) -> None:
    assert "all is well" in development.done("doctor")
    text = development.env_file.read_text()
    development.env_file.write_text(text + "WAREHOUSE_URL=https://db.prod.example.com/live\n")
    development.env_file.chmod(0o644)
    forgotten = development.checkout / ".env.production"
    forgotten.write_text(
        "export DB_HOST='live.c1.eu-central-1.rds.amazonaws.com'\n$ no line that we would take\n"
    )
    try:
        answer = development.invoke("doctor")
    finally:
        development.env_file.write_text(text)
        development.env_file.chmod(0o600)
        forgotten.unlink()
    assert answer.code == 1
    assert ".env.production: names live.c1.eu-central-1.rds.amazonaws.com" in answer.output
    assert "names db.prod.example.com, which is not this machine" in answer.output
