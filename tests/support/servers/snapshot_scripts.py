"""Runs docker/snapshot.sh against a cluster, and reads the catalogue before and after."""

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
# Every attribute of each database in the shared catalogue, except its object id.
DESCRIBE: Final = """
SELECT datname, pg_get_userbyid(datdba), datistemplate, datallowconn, datconnlimit, datacl,
       shobj_description(d.oid, 'pg_database'),
       (SELECT array_agg((pg_get_userbyid(setrole), setconfig) ORDER BY setrole)
          FROM pg_db_role_setting WHERE setdatabase = d.oid)
  FROM pg_database AS d WHERE datname LIKE 'dashtam%' ORDER BY datname
"""


def describe(cluster: Cluster) -> dict[str, str]:
    """Return the attributes of each of our databases in the catalogue."""
    return {row.partition("|")[0]: row.partition("|")[2] for row in cluster.ask(DESCRIBE).splitlines()}


def environment(cluster: Cluster, **changes: str) -> dict[str, str]:
    """Return the variables of the script."""
    return cluster.psql_environment() | WORDS | changes


def run(cluster: Cluster, action: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run the script, and return when it has ended."""
    command = ["sh", str(CHECKOUT / "docker" / "snapshot.sh"), action]
    return subprocess.run(command, env=environment(cluster, **changes), capture_output=True, text=True)


def done(cluster: Cluster, action: str, **changes: str) -> str:
    """Run the script, assert that it succeeds, and return its output."""
    result = run(cluster, action, **changes)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(cluster: Cluster, action: str, **changes: str) -> str:
    """Run the script, assert that it refuses and changes nothing, and return its message."""
    before = describe(cluster)
    result = run(cluster, action, **changes)
    assert result.returncode == 3, (result.returncode, result.stderr)
    assert describe(cluster) == before
    return result.stderr


def stamp(cluster: Cluster, database: str = ONE) -> str:
    """Return the comment on a database."""
    return cluster.ask(
        f"SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{database}'"
    )
