"""Processes that audit at once make one chain, and the command finds what the superuser did to it."""

import os
import re
import signal
from typing import Final

import pytest

from tests.support.makers.chains import unguarded
from tests.support.servers.clusters import Cluster, wait_until

WRITER: Final = "tests.support.faults.audit_writer"
VERIFY: Final = "dashtam.commands.verify_audit"
TABLE: Final = "provider_audit_logs"
COUNT: Final = f"SELECT count(*) FROM {TABLE}"


def ask(cluster: Cluster, sql: str) -> str:
    return cluster.ask(sql, database="dashtam")


def tamper(cluster: Cluster, sql: str) -> None:
    ask(cluster, unguarded(sql))


def write(cluster: Cluster, entries: int) -> None:
    answer = cluster.run(f"{WRITER} {entries} 1", "development")
    assert answer.returncode == 0, answer.stderr


def verified(cluster: Cluster, options: str = "", **changes: str) -> tuple[int, str]:
    answer = cluster.run(f"{VERIFY} {options}", "development", **changes)
    assert "Traceback" not in answer.stderr
    return answer.returncode, answer.stdout + answer.stderr


def anchor(output: str) -> str:
    match = re.search(r"anchor=(\d+:[0-9a-f]{64})", output)
    assert match, output
    return match[1]


def test_processes_that_begin_and_write_at_once_make_one_chain_without_gaps(cluster: Cluster) -> None:
    runs = [cluster.start(f"{WRITER} 60 4 undoing", "development") for _ in range(4)]
    ends = [(run.communicate(timeout=120), run.returncode) for run in runs]
    assert [code for _, code in ends] == [0] * 4, ends
    committed = sum(int(out.split()[0]) for (out, _), _ in ends)
    assert committed == 4 * 40
    # One more begins the chain.
    facts = f"SELECT count(*), count(DISTINCT sequence), min(sequence), max(sequence) FROM {TABLE}"
    assert ask(cluster, facts) == f"{committed + 1}|{committed + 1}|1|{committed + 1}"
    code, output = verified(cluster)
    assert code == 0, output
    assert anchor(output).startswith(f"{committed + 1}:")


def test_a_writer_that_is_killed_leaves_the_chain_whole(cluster: Cluster) -> None:
    killed = cluster.start(f"{WRITER} 100000 4", "development")
    wait_until(lambda: int(ask(cluster, COUNT)) > 20, "it writes")
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    write(cluster, 5)
    code, output = verified(cluster)
    assert code == 0, output


def test_the_command_reads_one_moment_while_others_write(cluster: Cluster) -> None:
    writer = cluster.start(f"{WRITER} 100000 2", "development")
    try:
        wait_until(lambda: int(ask(cluster, COUNT)) > 5, "it writes")
        for _ in range(3):
            code, output = verified(cluster)
            assert code == 0, output
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.communicate()


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (f"UPDATE {TABLE} SET actor = 'nobody' WHERE sequence = 4", "  entry 4 (id "),
        (f"DELETE FROM {TABLE} WHERE sequence = 4", "  entry 4 is missing"),
        (f"DELETE FROM {TABLE} WHERE sequence > 4", "  entries 5 to 11 are missing"),
        (f"TRUNCATE {TABLE}", "  entries 1 to 11 are missing"),
        (f"ALTER TABLE {TABLE} ADD remark text; UPDATE {TABLE} SET remark = 'x'", "  entry 11 (id "),
    ],
)
def test_what_the_superuser_did_is_told_and_ends_with_1(cluster: Cluster, sql: str, told: str) -> None:
    write(cluster, 10)
    assert verified(cluster)[0] == 0
    tamper(cluster, sql)
    code, output = verified(cluster)
    assert code == 1
    assert f"the audit trail of 127.0.0.1:{cluster.port}/dashtam is damaged" in output
    assert told in output


def test_an_anchor_of_before_still_holds_or_does_not(cluster: Cluster) -> None:
    write(cluster, 10)
    noted = anchor(verified(cluster)[1])
    write(cluster, 10)
    code, output = verified(cluster, f"--since {noted}")
    assert (code, "entries=11" in output) == (0, True)
    assert verified(cluster, f"--expect {noted}")[0] == 0
    tamper(cluster, f"DELETE FROM {TABLE}; DELETE FROM audit_heads")
    assert verified(cluster)[0] == 0  # an empty chain is whole
    code, output = verified(cluster, f"--expect {noted}")
    assert (code, "before the anchor 11" in output) == (1, True)
    code, output = verified(cluster, "--expect 11")
    assert (code, "is no anchor" in output) == (1, True)


def test_without_the_key_nothing_vouches_for_the_chain(cluster: Cluster) -> None:
    write(cluster, 2)
    for key_id, fault in (
        ("other", "'test', which TOKEN_ENCRYPTION_KEYS does not hold"),
        ("test", "its seal was not made for it"),
    ):
        code, output = verified(cluster, TOKEN_ENCRYPTION_KEYS=f"{key_id}:{'A' * 43}=")
        assert code == 1
        assert fault in output


def test_a_thousand_damages_are_counted_and_fifty_told(cluster: Cluster) -> None:
    write(cluster, 100)
    tamper(cluster, f"UPDATE {TABLE} SET actor = 'nobody'")
    code, output = verified(cluster)
    assert code == 1
    assert output.count("is not what was written there") == 50
    assert output.rstrip().endswith("and 51 more")


def test_a_database_without_the_tables_is_not_called_whole(cluster: Cluster) -> None:
    ask(cluster, "DROP TABLE audit_heads")
    code, output = verified(cluster)
    assert (code, "has no table audit_heads" in output) == (1, True)
