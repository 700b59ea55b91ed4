"""The mutated code, and the fastest tests that have to kill its mutants."""

from dataclasses import dataclass, field
from typing import Final

_UNIT: Final = "tests/unit"
_COMPOSE: Final = "tests/unit/devenv/engines/compose"
_EMBEDDED: Final = "tests/unit/devenv/engines/embedded"
_ACCEPTANCE: Final = "tests/acceptance/database"
_CHANGING_KEYS: Final = "tests/integration/sealing/test_rotation.py"


@dataclass(frozen=True)
class Target:
    """A file, or some of its functions and classes."""

    file: str
    tests: tuple[str, ...]
    only: frozenset[str] = field(default_factory=frozenset)
    servers: bool = False
    """Whether the tests change servers, which are then checked after every mutant."""
    ci: bool = True
    """Whether CI tries it; the others take too long, or are guards that another guard repeats before data is lost."""


TARGETS: Final = (
    Target("dashtam/disposable/decision.py", (f"{_UNIT}/disposable/test_decision.py",)),
    Target(
        "dashtam/disposable/verification.py",
        (
            f"{_UNIT}/disposable/test_verification.py",
            "tests/integration/disposable/test_verification.py",
            # Selected by name: another test of the file initializes in its own process, which is already connected.
            f"{_ACCEPTANCE}/test_init_test_db.py::test_a_guard_that_trips_leaves_every_row",
            f"{_ACCEPTANCE}/test_init_test_db.py::test_a_replica_of_our_own_cluster_is_refused",
            f"{_ACCEPTANCE}/test_init_test_db.py::test_of_parallel_runs_each_one_builds_or_is_refused",
            f"{_ACCEPTANCE}/test_misleading_servers.py",
        ),
        servers=True,
        ci=False,
    ),
    Target(
        "dashtam/disposable/init_test_db.py",
        (f"{_ACCEPTANCE}/test_init_test_db.py", f"{_ACCEPTANCE}/test_misleading_servers.py"),
        servers=True,
    ),
    Target(
        "dashtam/disposable/reset.py",
        (f"{_ACCEPTANCE}/test_init_test_db.py", f"{_ACCEPTANCE}/test_misleading_servers.py"),
        servers=True,
        ci=False,
    ),
    Target(
        "dashtam/disposable/drop_test_db.py", (f"{_ACCEPTANCE}/test_drop_test_db.py",), servers=True, ci=False
    ),
    Target(
        "dashtam/settings/addresses.py",
        (f"{_UNIT}/settings/test_addresses.py", f"{_UNIT}/settings/test_hostile_urls.py"),
        ci=False,
    ),
    Target(
        "dashtam/settings/model.py",
        (f"{_UNIT}/settings/test_model.py",),
        frozenset({"TestSettings", "_strict_bool", "TEST_DATABASE_NAME", "LOCAL_HOSTS"}),
        ci=False,
    ),
    Target(
        "dashtam/devenv/checking/testing.py",
        (f"{_UNIT}/devenv/lifecycle/test_workflow.py",),
        frozenset({"refuse_unsafe_settings", "_TRUE"}),
    ),
    Target(
        "dashtam/devenv/engines/compose/plan.py",
        (f"{_COMPOSE}/test_plan.py",),
        frozenset(
            {
                *(
                    "reasons_to_refuse",
                    "_of_component",
                    "_of_mounts",
                    "_of_store",
                    "_of_server",
                    "_of_volumes",
                ),
                *("_differences", "_secret_differences"),
            }
        ),
        ci=False,
    ),
    Target(
        "dashtam/devenv/engines/compose/daemon.py",
        (f"{_COMPOSE}/test_daemon.py",),
        frozenset({"connect", "reason_to_refuse", "_find_endpoint", "_LOCAL"}),
        ci=False,
    ),
    Target(
        "dashtam/devenv/engines/compose/containers.py",
        (f"{_COMPOSE}/test_ownership.py",),
        frozenset({"belongs_to", "by_component", "refuse_strangers", "end_leftovers"}),
    ),
    Target("dashtam/devenv/engines/compose/volumes.py", (f"{_COMPOSE}/test_ownership.py",)),
    Target(
        "dashtam/devenv/engines/compose/engine.py",
        (f"{_UNIT}/devenv/engines/test_wiping.py",),
        frozenset({"wipe"}),
    ),
    Target(
        "dashtam/devenv/engines/embedded/engine.py",
        (f"{_UNIT}/devenv/engines/test_wiping.py",),
        frozenset({"wipe"}),
    ),
    Target(
        "dashtam/devenv/project/project.py",
        (f"{_UNIT}/devenv/engines/test_wiping.py",),
        frozenset({"refuse_to_wipe_default"}),
    ),
    Target(
        "dashtam/devenv/engines/embedded/identity.py",
        (f"{_EMBEDDED}/test_identity.py",),
        frozenset(
            {"find_marked", "_carries", "read_environment", "find_servers_of", "_serves", "end", "_send"}
        ),
    ),
    Target("dashtam/devenv/engines/embedded/leftovers.py", (f"{_EMBEDDED}/test_leftovers.py",)),
    Target(
        "dashtam/devenv/engines/embedded/cluster.py",
        (f"{_ACCEPTANCE}/test_cluster.py",),
        frozenset({"ensure_cluster", "_empty_staging", "check_version", "ensure_superuser_password"}),
        ci=False,
    ),
    Target(
        "dashtam/devenv/data/snapshots.py",
        (f"{_UNIT}/devenv/data/test_snapshots.py",),
        frozenset(
            {
                *(
                    "take",
                    "restore",
                    "drop",
                    "servers_at_rest",
                    "_copy",
                    "_refuse_strangers",
                    "_refuse_unfit",
                ),
                *("_agree", "_drop", "_drop_surplus", "_find", "_require_postgres", "_require_development"),
            }
        ),
        ci=False,
    ),
    # Destroying a data key too early destroys everything that it seals.
    Target(
        "dashtam/sealing/key_states.py",
        (f"{_UNIT}/sealing/test_key_states.py", _CHANGING_KEYS),
        frozenset({"retire", "reasons_to_keep", "_REPLACED"}),
        ci=False,
    ),
    Target(
        "dashtam/sealing/tables.py",
        ("tests/rules/test_sealed.py", _CHANGING_KEYS),
        frozenset({"SealedTable", "TABLES", "Usage", "find_usage"}),
        ci=False,
    ),
    Target(
        "dashtam/sealing/rotation.py",
        (_CHANGING_KEYS,),
        # Without the reports, and without the wait for other processes.
        frozenset(
            {
                *("alone", "run", "_rewrap", "_promote", "_move", "_seal_anew", "_reseal", "_write"),
                "_conclude",
            }
        ),
        ci=False,
    ),
    *(
        Target(f"docker/{name}", (f"{_ACCEPTANCE}/test_init_scripts.py",), servers=True, ci=False)
        for name in (
            *("reasons-to-refuse.psql", "ensure-database.psql"),
            *("ensure-database.sh", "init-test-db.sh", "init-dev-db.sh"),
        )
    ),
    *(
        Target(
            f"docker/{name}",
            tuple(f"{_ACCEPTANCE}/test_snapshot_{what}.py" for what in ("scripts", "drops", "usage")),
            servers=True,
            ci=False,
        )
        for name in (
            *("snapshot.sh", "snapshots/begin.psql", "snapshots/restore.psql", "snapshots/drop.psql"),
            *("snapshots/take.psql", "snapshots/copy.psql", "snapshots/dress.psql", "snapshots/mend.psql"),
        )
    ),
)
