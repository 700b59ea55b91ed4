"""A host that is not this machine is seen in an env file, however the setting is called."""

import pytest

from dashtam.devenv.project.env_files import read_env_file
from dashtam.devenv.project.hosts import find_distant_hosts
from tests.support.checkout import CHECKOUT


@pytest.mark.parametrize(
    ("name", "value", "hosts"),
    [
        ("DATABASE_URL", "postgresql://u:p@db.prod.example.com:5432/live", ["db.prod.example.com"]),
        ("DATABASE_URL", "postgresql://db.prod.example.com/live", ["db.prod.example.com"]),
        ("WAREHOUSE", "https://warehouse.example.com/", ["warehouse.example.com"]),
        ("DB_HOST", "10.0.0.5", ["10.0.0.5"]),
        ("DB_HOST", "db", ["db"]),
        ("PGHOST", "live.internal", ["live.internal"]),
        ("REDIS_HOSTS", "one:6379,two:6379 localhost:6379", ["one", "two"]),
        ("DB_HOST", "2001:db8::1", ["2001:db8::1"]),
        ("DATABASE_URL", "postgresql://u:p@[2001:db8::1]:5432/live", ["2001:db8::1"]),
        ("PRIMARY", "mydb.c1.eu-central-1.rds.amazonaws.com", ["mydb.c1.eu-central-1.rds.amazonaws.com"]),
        ("DSN", "host=ep-cool-name.eu.aws.neon.tech dbname=live", ["ep-cool-name.eu.aws.neon.tech"]),
        ("STORE", "db.abcdef.supabase.co:5432", ["db.abcdef.supabase.co"]),
        ("CACHE", "eu1-fine-bird-1.UPSTASH.IO", ["eu1-fine-bird-1.UPSTASH.IO"]),
        ("DATABASE_URL", "postgresql://u:p@localhost.example.com/live", ["localhost.example.com"]),
        ("DATABASE_URL", "postgresql://u:p@127.0.0.1.example.com/live", ["127.0.0.1.example.com"]),
    ],
)
def test_a_host_elsewhere_is_named(name: str, value: str, hosts: list[str]) -> None:
    assert find_distant_hosts(name, value) == hosts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://u:p@localhost:5432/dashtam"),
        ("DATABASE_URL", "postgresql://u:p@127.0.0.2/dashtam"),
        ("DATABASE_URL", "postgresql://u:p@[::1]:5432/dashtam"),
        ("DATABASE_URL", "postgresql+asyncpg://u:p@postgres:5432/dashtam"),
        ("REDIS_URL", "redis://:p@redis:6379/0"),
        ("DB_HOST", "localhost"),
        ("DB_HOST", "0.0.0.0"),
        ("DASHTAM_DOCKER_HOST", "tcp://localhost:2375"),
        ("TOKEN_ENCRYPTION_KEYS", "key-1:Y2hhbmdlLW1lLWV4YW1wbGUta2V5LW5vdC1zZWNyZXQ="),
        ("NOTE", "amazonaws.com"),
        ("NOTE", "we left notamazonaws.company"),
    ],
)
def test_this_machine_and_what_is_no_host_are_no_matter(name: str, value: str) -> None:
    assert find_distant_hosts(name, value) == []


@pytest.mark.parametrize("file", [".env.example", ".env.test"])
def test_the_files_of_the_repository_name_no_host_elsewhere(file: str) -> None:
    values = read_env_file(CHECKOUT / file)
    assert [name for name, value in values.items() if find_distant_hosts(name, value)] == []
