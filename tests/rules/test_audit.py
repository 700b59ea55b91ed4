"""Every route says what it audits, what it says is recorded somewhere, and there is one way to record it."""

import ast
import re
from collections.abc import Callable
from typing import Final

import pytest
from quart import Quart

from dashtam.api import health
from dashtam.app import create_app, create_callback_app
from dashtam.settings.model import TestSettings
from dashtam.web.audits import declarations
from dashtam.web.errors import UndeclaredRoute
from tests.support.checkout import CHECKOUT

PACKAGE: Final = CHECKOUT / "dashtam"
WRITER: Final = PACKAGE / "audit" / "trail.py"
DOMAINS: Final = ("audit", "connections", "identity", "sealing", "tokens", "web")
SERVICES: Final = sorted(path for name in DOMAINS for path in (PACKAGE / name).rglob("*.py"))
ACTION: Final = re.compile(r"[a-z_]+(\.[a-z_]+)+")
RECORDING: Final = r"attempt|.*\.(record|_record|_prove|_end|_send)"
# Written by what no route asks for.
OF_NO_ROUTE: Final = {
    *("authorization.withdrawn", "connection.ending_told", "connection.end_told", "user.created"),
    *("key.created", "key.promoted", "key.rewrapped", "key.rotated", "key.retired"),
}


def recorded_actions() -> set[str]:
    """Every action that a service hands to `record`, or to what records for it, or keeps as `action` until then."""
    found: set[str] = set()
    for path in SERVICES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and re.fullmatch(RECORDING, ast.unparse(node.func)):
                found |= actions_in(
                    *node.args, *(word.value for word in node.keywords if word.arg == "action")
                )
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("action"):
                found |= actions_in(node.value)
    return found


def actions_in(*nodes: ast.expr) -> set[str]:
    parts = (part for node in nodes for part in ast.walk(node) if isinstance(part, ast.Constant))
    return {part.value for part in parts if isinstance(part.value, str) and ACTION.fullmatch(part.value)}


def test_what_routes_declare_and_what_services_record_are_the_same(settings: TestSettings) -> None:
    declared: set[str] = set()
    for app in (create_app(settings), create_callback_app(settings)):
        found = declarations(app)
        assert found
        for declaration in found.values():
            declared |= declaration.actions
    assert declared | OF_NO_ROUTE == recorded_actions()
    assert not declared & OF_NO_ROUTE


@pytest.mark.parametrize("create", [create_app, create_callback_app])
def test_an_application_with_a_silent_route_is_not_built(
    settings: TestSettings, create: Callable[[TestSettings], Quart]
) -> None:
    declaration = vars(health.live).pop("audit_declaration")
    try:
        with pytest.raises(UndeclaredRoute, match=r"^/health/live \(health\.live\): add"):
            create(settings)
    finally:
        vars(health.live)["audit_declaration"] = declaration
    create(settings)


def test_services_open_database_transactions_through_the_writer() -> None:
    """One of Tortoise's would hold the lock on the chain while work is done."""
    silent = {"in_transaction", "atomic"}
    for path in SERVICES:
        imports = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom))
        names = {alias.name for node in imports for alias in node.names}
        assert path == WRITER or not names & silent, path


def test_nobody_else_makes_an_entry() -> None:
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        assert path == WRITER or not re.search(
            r"(?<!class )AuditEntry(\.\w*create|\()|INSERT INTO provider_audit_logs", text
        ), path
