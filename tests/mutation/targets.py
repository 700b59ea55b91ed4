"""What is mutated, and which tests have to notice: the fastest ones that can."""

from dataclasses import dataclass, field
from typing import Final

_UNIT: Final = "tests/unit"
_COMPOSE: Final = "tests/unit/devenv/compose"
_EMBEDDED: Final = "tests/unit/devenv/embedded"
_ACCEPTANCE: Final = "tests/acceptance/database"


@dataclass(frozen=True)
class Target:
    """One file, or some functions and classes of it."""

    file: str
    tests: tuple[str, ...]
    only: frozenset[str] = field(default_factory=frozenset)
    servers: bool = False
    """The tests take servers apart, so those are looked at after every mutant."""


TARGETS: Final = (
    Target("dashtam/database/disposable.py", (f"{_UNIT}/database/test_disposable.py",)),
    Target(
        "dashtam/addresses.py",
        (f"{_UNIT}/test_addresses.py", f"{_UNIT}/database/test_hostile_urls.py"),
    ),
    Target(
        "dashtam/settings.py",
        (f"{_UNIT}/test_settings.py",),
        frozenset({"TestSettings", "_strict_bool", "TEST_DATABASE_NAME", "LOCAL_HOSTS"}),
    ),
    Target(
        "dashtam/devenv/testing.py",
        (f"{_UNIT}/devenv/test_workflow.py",),
        frozenset({"refuse_unsafe_settings", "_TRUE"}),
    ),
    Target(
        "dashtam/devenv/compose/plan.py",
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
    ),
    Target(
        "dashtam/devenv/compose/daemon.py",
        (f"{_COMPOSE}/test_daemon.py",),
        frozenset({"connect", "reason_to_refuse", "_find_endpoint", "_LOCAL"}),
    ),
    Target(
        "dashtam/devenv/compose/containers.py",
        (f"{_COMPOSE}/test_ownership.py",),
        frozenset({"belongs_to", "by_component", "refuse_strangers", "end_leftovers"}),
    ),
    Target("dashtam/devenv/compose/volumes.py", (f"{_COMPOSE}/test_ownership.py",)),
    Target("dashtam/devenv/compose/engine.py", (f"{_UNIT}/devenv/test_wiping.py",), frozenset({"wipe"})),
    Target("dashtam/devenv/embedded/engine.py", (f"{_UNIT}/devenv/test_wiping.py",), frozenset({"wipe"})),
    Target(
        "dashtam/devenv/project.py",
        (f"{_UNIT}/devenv/test_wiping.py",),
        frozenset({"refuse_to_wipe_default"}),
    ),
    Target("dashtam/devenv/embedded/identity.py", (f"{_EMBEDDED}/test_identity.py",)),
    Target(
        "docker/reasons-to-refuse.psql",
        (f"{_ACCEPTANCE}/test_init_scripts.py",),
        servers=True,
    ),
)
