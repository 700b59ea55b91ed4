"""Runs docker/snapshot.sh against a cluster, and says what the catalogue holds before and after."""

import subprocess
from typing import Final

from tests.support.checkout import CHECKOUT
from tests.support.servers.clusters import Cluster

STAGING: Final = "dashtam_snapshot__staging"
ONE: Final = "dashtam_snapshot_one"
BEFORE: Final = "dashtam_snapshot_before"
WORDS: Final = {
    "DASHTAM_SNAPSHOT_SOURCE": "dashtam",
    "DASHTAM_SNAPSHOT_DATABASE": ONE,
    "DASHTAM_SNAPSHOT_BEFORE": BEFORE,
    "DASHTAM_SNAPSHOT_HEAD": "0_1_init.py",
    "DASHTAM_SNAPSHOT_REASON": "by hand",
}
# Everything that the shared catalogue says of each database, but its object id.
DESCRIBE: Final = """
SELECT datname, pg_get_userbyid(datdba), datistemplate, datallowconn, datconnlimit, datacl,
       shobj_description(d.oid, 'pg_database'),
       (SELECT array_agg((pg_get_userbyid(setrole), setconfig) ORDER BY setrole)
          FROM pg_db_role_setting WHERE setdatabase = d.oid)
  FROM pg_database AS d WHERE datname LIKE 'dashtam%' ORDER BY datname
"""


def describe(cluster: Cluster) -> dict[str, str]:
    """Every database of ours, and what the catalogue says of it."""
    return {row.partition("|")[0]: row.partition("|")[2] for row in cluster.ask(DESCRIBE).splitlines()}


def environment(cluster: Cluster, **changes: str) -> dict[str, str]:
    """What the script is told."""
    return cluster.psql_environment() | WORDS | changes


def run(cluster: Cluster, action: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run the script to its end."""
    command = ["sh", str(CHECKOUT / "docker" / "snapshot.sh"), action]
    return subprocess.run(command, env=environment(cluster, **changes), capture_output=True, text=True)


def done(cluster: Cluster, action: str, **changes: str) -> str:
    """Run the script, which must do what it is told; what it printed."""
    answer = run(cluster, action, **changes)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def refused(cluster: Cluster, action: str, **changes: str) -> str:
    """Run the script, which must refuse and change nothing; what it said."""
    before = describe(cluster)
    answer = run(cluster, action, **changes)
    assert answer.returncode == 3, (answer.returncode, answer.stderr)
    assert describe(cluster) == before
    return answer.stderr


def stamp(cluster: Cluster, database: str = ONE) -> str:
    """The comment on a database."""
    return cluster.ask(
        f"SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{database}'"
    )
