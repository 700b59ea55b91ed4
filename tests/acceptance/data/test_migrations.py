"""Migrations of development: harmless ones behind a snapshot, others once somebody agreed, and there is a way back."""

import json
from pathlib import Path

from tests.support.projects.checksum import take_checksum
from tests.support.projects.project import ThrowawayProject

ADDS = "901_20990101000000_adds.py"
DROPS = "902_20990101000000_drops.py"
BREAKS = "901_20990101000000_breaks.py"
EMAILS = "SELECT email FROM users"
SHOWN = f"{DROPS}\n    drops a column: ALTER TABLE users\n      DROP COLUMN email"


def write(project: ThrowawayProject, name: str, sql: str) -> Path:
    path = project.checkout / "migrations" / "models" / name
    path.write_text(f"async def upgrade(db):\n    return {sql!r}\n", encoding="ascii")
    return path


def columns(project: ThrowawayProject) -> set[str]:
    asked = project.ask("SELECT column_name FROM information_schema.columns WHERE table_name = 'users'")
    return {name for (name,) in asked} & {"email", "nickname", "broken"}


def snapshots(project: ThrowawayProject) -> list[str]:
    """From the newest to the oldest."""
    return [entry["name"] for entry in json.loads(project.done("db.snapshots", "--json"))]


def assert_refused(project: ThrowawayProject) -> None:
    """Nobody agrees: no verb applies what drops a column, and each shows it."""
    refused = project.invoke("up")
    assert refused.code == 3
    assert SHOWN in refused.output
    assert refused.last_line == "→ invoke db.migrate"
    for declined in (
        project.invoke("db.migrate"),
        project.invoke_typing("y", "db.migrate", question="Type yes"),
    ):
        assert declined.code == 3, declined.output
        assert "DROP COLUMN email" in declined.output
        assert f"invoke db.migrate --allow {DROPS}" in declined.last_line


def test_migrations_take_nothing_away_that_nobody_gave(fresh: ThrowawayProject) -> None:
    fresh.done("up")
    fresh.done(
        "db.shell", "--", "-c", "INSERT INTO users (email, password_hash) VALUES ('ada@example.com', 'x')"
    )

    write(fresh, ADDS, "ALTER TABLE users ADD COLUMN nickname text")
    shown = fresh.done("up")
    assert shown.index("snapshot before-migration") < shown.index(f"names={ADDS}")
    assert columns(fresh) == {"email", "nickname"}

    write(fresh, DROPS, "ALTER TABLE users\n  DROP COLUMN email")
    before = take_checksum(fresh)
    assert_refused(fresh)
    assert before.differences(take_checksum(fresh)) == []
    assert "stopped" not in fresh.health().values()

    agreed = fresh.invoke_typing("yes", "db.migrate", question="Type yes")
    assert agreed.code == 0, agreed.output
    assert columns(fresh) == {"nickname"}
    assert set(fresh.health().values()) == {"healthy"}

    shown = fresh.done("db.restore", snapshots(fresh)[0], "--replace", "dashtam")
    assert fresh.ask(EMAILS) == [["ada@example.com"]]
    assert before.differences(take_checksum(fresh)) == []
    assert "→ invoke db.migrate, then invoke up" in shown  # the migration is pending again
    assert fresh.health()["app"] == "stopped"

    shown = fresh.done("db.migrate", "--allow", DROPS)
    assert SHOWN in shown
    assert "invoke up" in shown
    assert columns(fresh) == {"nickname"}


def test_a_migration_that_fails_changes_nothing_and_names_the_snapshot_from_before(
    development: ThrowawayProject,
) -> None:
    broken = write(
        development, BREAKS, "ALTER TABLE users ADD COLUMN broken int; CREATE INDEX ON users (nowhere)"
    )
    before = take_checksum(development)
    try:
        failed = development.invoke("up")
    finally:
        broken.unlink()
    assert failed.code == 1, failed.output
    assert f"migration {BREAKS} failed and was rolled back" in failed.output
    snapshot = snapshots(development)[0]  # the newest
    assert failed.last_line == f"→ mend it, then invoke up; or go back: invoke db.restore {snapshot}"
    assert before.differences(take_checksum(development)) == []
    development.done("up")
    development.done("db.drop-snapshot", snapshot)
