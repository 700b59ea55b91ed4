"""A PostgreSQL and a Redis with both databases, created once by the real commands and restored for every test."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from dashtam.devenv.engines.embedded.binaries import Binaries
from tests.support.servers.clusters import Cluster

SERVERS: Final = "DASHTAM_TEST_SERVERS"
"""The variable that names running servers, so that a mutation run does not start new ones for every mutant."""

# Not named like `dashtam%`, and owned by the superuser, so that no guard mistakes them for our databases.
KEEP: Final = """
ALTER DATABASE dashtam IS_TEMPLATE false;
ALTER DATABASE dashtam RENAME TO kept_development;
ALTER DATABASE kept_development OWNER TO postgres;
ALTER DATABASE dashtam_test RENAME TO kept_testing;
ALTER DATABASE kept_testing OWNER TO postgres;
"""
# All databases except those of initdb and the kept ones, because a mutant may create databases of any name.
_GOES: Final = "FROM pg_database WHERE datname !~ '^(kept_|postgres$|template[01]$)'"
REMOVE: Final = f"""
SELECT format('ALTER DATABASE %I IS_TEMPLATE false', datname) {_GOES} \\gexec
SELECT format('DROP DATABASE %I WITH (FORCE)', datname) {_GOES} \\gexec
"""
REMOVE_ROLES: Final = """
SELECT format('DROP OWNED BY %I', rolname) FROM pg_roles WHERE rolname !~ '^(pg_|postgres$)' \\gexec
SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE rolname !~ '^(pg_|postgres$)' \\gexec
"""
# A copy of a database lacks its comment, its privileges and its settings.
RESTORE: Final = """
CREATE DATABASE dashtam TEMPLATE kept_development OWNER dashtam_user;
CREATE DATABASE dashtam_test TEMPLATE kept_testing OWNER dashtam_test_user;
REVOKE ALL ON DATABASE dashtam, dashtam_test FROM PUBLIC;
ALTER DATABASE dashtam IS_TEMPLATE true;
ALTER ROLE dashtam_test_user NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD 'test_password';
SELECT format('COMMENT ON DATABASE %I IS ''dashtam purpose=%s cluster=%s''', datname, purpose, system_identifier)
  FROM pg_control_system(), (VALUES ('dashtam', 'development'), ('dashtam_test', 'testing')) AS d (datname, purpose)
\\gexec
"""
CANARY: Final = "INSERT INTO users (email, password_hash) VALUES ('canary@example.com', 'x')"


def prepare(cluster: Cluster, *, keep: bool = False) -> None:
    """Create both databases, each with a user named canary; `keep` also keeps them as templates for later tests."""
    for script in ("init-dev-db.sh", "init-test-db.sh"):
        assert cluster.initialize(script).returncode == 0
    for module, mode in (
        ("dashtam.bootstrap.init_db", "development"),
        ("dashtam.disposable.init_test_db", "testing"),
    ):
        result = cluster.run(module, mode)
        assert result.returncode == 0, result.stderr
    for name in ("dashtam", "dashtam_test"):
        cluster.ask(CANARY, database=name)
    if keep:
        cluster.ask(KEEP)


def describe(cluster: Cluster) -> dict[str, str | int]:
    """Return the attributes of a cluster, for `find_running` in another process."""
    return {
        "port": cluster.port,
        "folder": str(cluster.folder),
        "binaries": str(cluster.binaries.postgres_bin),
        "valkey": str(cluster.binaries.valkey_server),
        "superuser_password": cluster.superuser_password,
        "redis_url": cluster.redis_url,
    }


def find_running(name: str, environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """Return the running server of a name, or None."""
    described: dict[str, Any] = json.loads(environment.get(SERVERS, "{}")).get(name, {})
    if not described:
        return None
    binaries = Binaries(Path(described["binaries"]), Path(described["valkey"]))
    found = Cluster(
        int(described["port"]), Path(described["folder"]), binaries, described["superuser_password"]
    )
    return replace(found, redis_url=described["redis_url"])
