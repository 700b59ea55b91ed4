"""Tries a running API against the OpenAPI document that it serves, with schemathesis and all of its checks."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.checkout import CHECKOUT
from tests.support.contract.caller import Caller
from tests.support.projects.project import ThrowawayProject

_CONFIGURATION: Final = Path(__file__).with_name("contract.toml")
_SECONDS: Final = 7200.0


@dataclass(frozen=True)
class Report:
    """How a run ended."""

    code: int
    output: str
    """With every failure, a command that shows it again, and the seed."""
    cases: int
    operations: int
    codes: frozenset[str]
    """What was found wrong, in schemathesis' words."""


def read_document(project: ThrowawayProject) -> dict[str, Any]:
    """What the API says of itself."""
    document: dict[str, Any] = json.loads(project.fetch("/openapi.json"))
    return document


def count_operations(document: Mapping[str, Any]) -> int:
    """How many operations a document holds."""
    return sum(len(item) for item in document["paths"].values())


def _count_varying(document: Mapping[str, Any]) -> int:
    """How many of them take anything that can be drawn."""
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    return sum(bool(operation["parameters"] or operation.get("requestBody")) for operation in operations)


def try_contract(
    project: ThrowawayProject,
    document: Mapping[str, Any],
    folder: Path,
    *,
    cases: int,
    seed: int,
    caller: Caller | None = None,
) -> Report:
    """Send at least so many cases, spread over what can be varied; the same seed draws the same ones.

    They come from a caller who has signed in, or from nobody, whom most operations refuse.
    """
    (folder / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
    report = folder / "report.json"
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(_CONFIGURATION)),
        *("run", str(folder / "openapi.json"), "--checks", "all", "--no-color"),
        *("--url", f"https://localhost:{project.ports['APP_PORT']}"),
        *("--tls-verify", str(project.home / "certificates" / "ca.pem")),
        *("--seed", str(seed), "--max-examples", str(-(-cases // max(1, _count_varying(document))))),
        # A server may close a connection that is idle at the very moment that a request comes (RFC 9112, 9.5).
        *("--request-retries", "2"),
        *("--report", "json", "--report-json-path", str(report)),
        *(() if caller else ("--warnings", "off")),
    ]
    variables = {
        **os.environ,
        **(caller.variables if caller else {}),
        "SCHEMATHESIS_HOOKS": "tests.support.contract.hooks",
        "PYTHONPATH": str(CHECKOUT),
    }
    run = subprocess.run(command, env=variables, cwd=folder, capture_output=True, text=True, timeout=_SECONDS)
    output = run.stdout + run.stderr
    assert report.exists(), output
    return _read(json.loads(report.read_text()), run.returncode, output)


def _read(found: Mapping[str, Any], code: int, output: str) -> Report:
    return Report(
        code,
        output,
        cases=found["test_cases"]["generated"],
        operations=found["operations"]["tested"],
        codes=frozenset(failure["type"] for failure in found["failures"]),
    )
