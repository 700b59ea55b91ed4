"""Processes share data keys, change them while they work, and lose nothing when one of them is killed."""

import json
import re
import signal
import subprocess
from typing import Final

from dashtam.sealing.rotation import LOCK
from tests.support.servers.clusters import Cluster, wait_until

SEALING: Final = "tests.support.people.sealing"
KEYS: Final = "dashtam.commands.keys"
TEST_KEY: Final = "test:dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdCE="
NEW_KEY: Final = "new:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
LATER: Final = "UPDATE encryption_keys SET promoted_at = promoted_at - interval '5 minutes'"
ACTIVE: Final = "SELECT id FROM encryption_keys WHERE state = 'active'"


def ask(cluster: Cluster, sql: str) -> str:
    return cluster.ask(sql, database="dashtam")


def run(cluster: Cluster, module: str, **changes: str) -> tuple[int, str]:
    answer = cluster.run(module, "development", **changes)
    assert "Traceback" not in answer.stderr, answer.stderr
    return answer.returncode, answer.stdout + answer.stderr


def done(cluster: Cluster, module: str, **changes: str) -> str:
    code, output = run(cluster, module, **changes)
    assert code == 0, output
    return output


def read(cluster: Cluster, **changes: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(done(cluster, f"{SEALING} read", **changes))
    return found


def count_outside(cluster: Cluster, key_id: str) -> int:
    """Tokens of which a value was not sealed with this key, by what the values themselves say."""
    head = f"convert_to('v2.{key_id}.', 'UTF8')"
    others = " OR ".join(
        f"substr({column}, 1, octet_length({head})) <> {head}"
        for column in ("access_token_sealed", "refresh_token_sealed")
    )
    return int(ask(cluster, f"SELECT count(*) FROM provider_tokens WHERE {others} OR key_id <> '{key_id}'"))


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_of_processes_that_begin_at_once_one_makes_the_first_key(cluster: Cluster) -> None:
    runs = [cluster.start(f"{SEALING} first", "development") for _ in range(6)]
    told = [(*run.communicate(timeout=120), run.returncode) for run in runs]
    assert [code for *_, code in told] == [0] * 6, told
    assert len({out.strip() for out, *_ in told}) == 1
    assert ask(cluster, "SELECT count(*), min(state) FROM encryption_keys") == "1|active"
    created = "SELECT count(*) FROM provider_audit_logs WHERE action = 'key.created'"
    assert ask(cluster, created) == "1"


def test_the_first_key_stays_where_whoever_sealed_with_it_is_rolled_back(cluster: Cluster) -> None:
    before, after = done(cluster, f"{SEALING} undone").split()
    assert before == after == ask(cluster, ACTIVE)
    assert done(cluster, f"{SEALING} first").strip() == before
    assert ask(cluster, "SELECT count(*) FROM provider_audit_logs WHERE action = 'key.created'") == "1"


def test_a_rotation_beside_refreshes_loses_none_and_leaves_no_row_behind(cluster: Cluster) -> None:
    """The refreshing processes began before the rotation: they read under keys that they have never seen."""
    done(cluster, f"{SEALING} fill 3000")
    before = read(cluster)
    refreshing = [cluster.start(f"{SEALING} refresh {share} 3", "development") for share in range(3)]
    for process in refreshing:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
    output = done(cluster, f"{KEYS} rotate")
    told = [(*process.communicate(timeout=60), process.returncode) for process in refreshing]
    assert [code for *_, code in told] == [0] * 3, told
    expected = before | {id_: secret for out, *_ in told for id_, secret in json.loads(out).items()}
    assert len({secret for secret in expected.values() if secret.startswith("refreshed")}) == 150
    assert read(cluster) == expected
    active = ask(cluster, ACTIVE)
    assert f"key={active}" in output
    assert count_outside(cluster, active) == 0


def test_what_a_process_seals_with_the_key_before_is_met_before_the_rotation_ends(cluster: Cluster) -> None:
    done(cluster, f"{SEALING} fill 10")
    lagging = cluster.start(f"{SEALING} lag", "development")
    assert lagging.stdout is not None
    first = lagging.stdout.readline().strip()
    rotation = cluster.start(f"{KEYS} rotate", "development")
    wait_until(lambda: ask(cluster, ACTIVE) != first, "another key seals")
    active = ask(cluster, ACTIVE)
    wait_until(lambda: count_outside(cluster, active) == 0, "all rows are sealed anew")
    lagging.communicate(timeout=60)
    assert lagging.returncode == 0
    told, _ = rotation.communicate(timeout=60)
    assert rotation.returncode == 0
    assert "waiting until every process seals with the new key" in told
    assert count_outside(cluster, active) == 0
    assert "late" in read(cluster).values()


def test_a_killed_rotation_is_finished_by_the_next_one(cluster: Cluster) -> None:
    done(cluster, f"{SEALING} fill 20000")
    before, first = read(cluster), ask(cluster, ACTIVE)
    rotation = cluster.start(f"{KEYS} rotate", "development")
    moved = f"SELECT count(*) FROM provider_tokens WHERE key_id <> '{first}'"
    wait_until(lambda: int(ask(cluster, moved)) > 0, "rows are sealed anew")
    kill(rotation)
    second = ask(cluster, ACTIVE)
    assert second != first
    assert 0 < (left := count_outside(cluster, second)) < 20_000
    assert read(cluster) == before  # half way through, everything opens

    output = done(cluster, f"{KEYS} rotate")
    assert f"finished what was begun earlier  key={second}" in output
    assert f"rows={left}" in output
    assert ask(cluster, ACTIVE) == second
    assert count_outside(cluster, second) == 0
    assert read(cluster) == before


def test_two_changes_of_keys_never_run_side_by_side(cluster: Cluster) -> None:
    done(cluster, f"{SEALING} fill 10")
    first = ask(cluster, ACTIVE)
    with cluster.holding(f"SELECT pg_advisory_lock({LOCK})", database="dashtam"):
        locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        wait_until(lambda: int(ask(cluster, locks)) > 0, "the lock is held")
        for command in ("rotate", f"retire {first}"):
            code, output = run(cluster, f"{KEYS} {command}")
            assert (code, "another keys.rotate or keys.retire is at work" in output) == (1, True)
        assert ask(cluster, "SELECT count(*) FROM encryption_keys") == "1"
    rotations = [cluster.start(f"{KEYS} rotate", "development") for _ in range(3)]
    codes = [(rotation.communicate(timeout=120), rotation.returncode)[1] for rotation in rotations]
    assert 0 in codes
    assert int(ask(cluster, "SELECT count(*) FROM encryption_keys")) == 1 + codes.count(0)
    assert ask(cluster, "SELECT count(*) FROM encryption_keys WHERE state = 'active'") == "1"
    assert count_outside(cluster, ask(cluster, ACTIVE)) == 0


def test_what_settings_keys_sealed_moves_under_the_data_key_and_the_old_one_can_go(cluster: Cluster) -> None:
    both, new = {"TOKEN_ENCRYPTION_KEYS": f"{NEW_KEY},{TEST_KEY}"}, {"TOKEN_ENCRYPTION_KEYS": NEW_KEY}
    done(cluster, f"{SEALING} earlier of-long-ago")
    done(cluster, f"{SEALING} fill 10")
    before = read(cluster)
    assert "of-long-ago" in before.values()
    status = done(cluster, f"{KEYS} status", **both)
    assert re.search(r"test +wraps k-\w{8}, seals 1 rows of provider_tokens", status)
    assert "seals directly" in status
    status = done(cluster, f"{KEYS} status", **new)
    assert "is wrapped with 'test', which TOKEN_ENCRYPTION_KEYS does not hold" in status
    assert "test (missing)" in status

    assert re.search(
        r"wrapped anew  key=k-\w{8} earlier=test now=new", done(cluster, f"{KEYS} rotate", **both)
    )
    status = done(cluster, f"{KEYS} status", **both)
    assert re.search(r"new +wraps k-\w{8}, seals the end of the audit trail", status)
    assert re.search(r"test +- \(nothing needs it\)", status)
    assert read(cluster, **new) == before
    assert run(cluster, "dashtam.commands.verify_audit", **new)[0] == 0
    code, output = run(cluster, f"{KEYS} rotate")
    assert (code, "does not hold" in output) == (1, True)


def test_without_its_settings_key_nothing_is_sealed_and_the_reason_is_said(cluster: Cluster) -> None:
    done(cluster, f"{SEALING} first")
    answer = cluster.run(f"{SEALING} first", "development", TOKEN_ENCRYPTION_KEYS=NEW_KEY)
    assert answer.returncode != 0
    assert "is wrapped with 'test', which TOKEN_ENCRYPTION_KEYS does not hold" in answer.stderr
    assert ask(cluster, "SELECT count(*) FROM encryption_keys") == "1"


def test_a_row_that_somebody_holds_is_not_waited_for_and_not_forgotten(cluster: Cluster) -> None:
    done(cluster, f"{SEALING} fill 1200")
    row = ask(cluster, "SELECT id FROM provider_tokens ORDER BY id LIMIT 1")
    held = f"BEGIN; SELECT FROM provider_tokens WHERE id = '{row}' FOR UPDATE"
    with cluster.holding(held, database="dashtam"):
        locks = "SELECT count(*) FROM pg_locks WHERE relation = 'provider_tokens'::regclass"
        wait_until(lambda: int(ask(cluster, locks)) > 0, "the row is held")
        first = ask(cluster, ACTIVE)
        rotation = cluster.start(f"{KEYS} rotate", "development")
        wait_until(lambda: ask(cluster, ACTIVE) != first, "another key seals")
        active = ask(cluster, ACTIVE)
        wait_until(lambda: count_outside(cluster, active) == 1, "all other rows are sealed anew", seconds=20)
        probing = "SELECT count(*) FROM encryption_keys WHERE now() - promoted_at > interval '12 seconds' AND id = '{}'"
        wait_until(
            lambda: ask(cluster, probing.format(active)) == "1", "nothing is left to wait for but the row"
        )
        assert rotation.poll() is None
    rotation.communicate(timeout=60)
    assert rotation.returncode == 0
    assert count_outside(cluster, active) == 0


def test_a_key_is_destroyed_when_nothing_needs_it_and_not_before(cluster: Cluster) -> None:
    done(cluster, f"{SEALING} fill 10")
    first = ask(cluster, ACTIVE)
    code, output = run(cluster, f"{KEYS} retire {first}")
    assert code == 3
    assert "it is the key that seals; keys.rotate" in output
    assert "it seals 10 rows of provider_tokens" in output
    done(cluster, f"{KEYS} rotate")
    code, output = run(cluster, f"{KEYS} retire {first}")
    assert (code, "may still be on its way; expected: after" in output) == (3, True)
    assert ask(cluster, f"SELECT state FROM encryption_keys WHERE id = '{first}'") == "decrypt"
    ask(cluster, LATER)
    assert "retired: the key is destroyed" in done(cluster, f"{KEYS} retire {first}")
    assert (
        ask(cluster, f"SELECT state, wrapped IS NULL FROM encryption_keys WHERE id = '{first}'")
        == "retired|t"
    )
    code, output = run(cluster, f"{KEYS} retire {first}")
    assert (code, "it is retired already" in output) == (3, True)
    assert len(read(cluster)) == 10


def test_a_value_that_came_back_keeps_its_key_and_a_destroyed_one_opens_nothing(cluster: Cluster) -> None:
    done(cluster, f"{SEALING} fill 10")
    first = ask(cluster, ACTIVE)
    row, kept = ask(cluster, "SELECT id, access_token_sealed FROM provider_tokens ORDER BY id LIMIT 1").split(
        "|"
    )
    done(cluster, f"{KEYS} rotate")
    put_back = f"UPDATE provider_tokens SET access_token_sealed = '{kept}' WHERE id = '{row}'"
    ask(cluster, f"{LATER}; {put_back}")
    code, output = run(cluster, f"{KEYS} retire {first}")
    assert (code, "it seals 1 rows of provider_tokens" in output) == (3, True)
    assert "finished what was begun earlier" in done(cluster, f"{KEYS} rotate")
    done(cluster, f"{KEYS} retire {first}")

    ask(cluster, put_back)
    answer = cluster.run(f"{SEALING} read", "development")
    assert answer.returncode != 0
    assert f"there is no data key '{first}', or it is retired" in answer.stderr
    assert "token-0" not in answer.stdout + answer.stderr
    assert f"✗ {first}" not in done(cluster, f"{KEYS} status")
    code, output = run(cluster, f"{KEYS} rotate")
    assert (code, "1 rows do not open, and stay as they were" in output) == (1, True)
    actions = (
        "SELECT string_agg(action || ' ' || outcome, ', ' ORDER BY sequence) FROM provider_audit_logs "
        "WHERE action LIKE 'key.%'"
    )
    assert ask(cluster, actions) == (
        "key.created succeeded, key.promoted succeeded, key.rotated succeeded, key.rotated succeeded, "
        "key.retired succeeded, key.promoted succeeded, key.rotated failed"
    )
