"""What destroys stands in the few modules that are made for it, and takes the proof that it may."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from dashtam.disposable import drop_test_db, reset, verification
from dashtam.disposable.verification import VerifiedTestDatabase
from tests.support.checkout import CHECKOUT

MADE_FOR_IT = {"dashtam/disposable/reset.py", "dashtam/disposable/drop_test_db.py"}
STATEMENTS = re.compile(
    r"\bDROP\s+(DATABASE|SCHEMA|TABLE|OWNED|COLUMN|%s)|\bDELETE\s+FROM|\bFLUSH(ALL|DB)\b"
    r"|\bTRUNCATE\s+(TABLE\s+)?[\w\".{}]+\s*(;|,|$|CASCADE)"
)
# Takes one row, by the hash of a secret, and answers with it: who comes second finds none.
TAKES_ONE = re.compile(r"\bDELETE FROM authorization_requests\s+WHERE state_hash = \$1 AND\b")
HELPERS = {
    "_drop_databases",
    "truncate_all_models",
    "db_delete",
    "tortoise_test_context",
    "flushall",
    "flushdb",
    "downgrade",
}
SOURCES = sorted(path for folder in ("dashtam", "migrations") for path in (CHECKOUT / folder).rglob("*.py"))


def strings(tree: ast.AST) -> list[str]:
    """Every string that is not a docstring."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    constants = (
        node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings
    )
    return [constant.value for constant in constants if isinstance(constant.value, str)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_no_other_module_holds_a_destructive_statement(path: Path) -> None:
    if str(path.relative_to(CHECKOUT)) in MADE_FOR_IT:
        return
    texts = [TAKES_ONE.sub("", text) for text in strings(ast.parse(path.read_text()))]
    assert [match.group() for text in texts for match in STATEMENTS.finditer(text)] == []


def test_no_script_drops_anything_but_a_half_made_snapshot_and_a_half_dropped_test_database() -> None:
    """docker/snapshots/begin.psql and docker/ensure-database.psql say why nothing of worth is among them."""
    scripts = [
        *(CHECKOUT / "docker").rglob("*.*sh"),
        *(CHECKOUT / "docker").rglob("*.psql"),
        CHECKOUT / ".ci" / "run",
    ]
    lines = [line for script in scripts for line in script.read_text(encoding="utf-8").splitlines()]
    found = [
        line.strip()
        for line in lines
        if STATEMENTS.search(line) and not line.lstrip().startswith(("--", "#"))
    ]
    assert set(found) == {
        "DROP DATABASE dashtam_snapshot__staging;",
        "SELECT format('DROP DATABASE %I', datname) FROM pg_database",
    }
    half_dropped = "WHERE datname = :'database' AND datconnlimit = -2 AND :'purpose' = 'testing' \\gexec"
    assert half_dropped in (CHECKOUT / "docker" / "ensure-database.psql").read_text(encoding="utf-8")


def test_no_client_is_given_a_url() -> None:
    """Readers of URLs disagree about them, so each client gets the parts that we read."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            assert not called.endswith((".from_url", ".expand_db_url")), f"{path}:{node.lineno}"
            if called in {"asyncpg.connect", "asyncpg.create_pool", "Redis"}:
                told = {keyword.arg for keyword in node.keywords}
                assert not node.args, f"{path}:{node.lineno}"
                assert not {"dsn", "db_url"} & told, f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_nobody_calls_what_destroys_whatever_is_connected(path: Path) -> None:
    names = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute | ast.Name)
    }
    assert names & HELPERS == set()


def test_the_modules_made_for_it_exist_and_need_their_exception() -> None:
    for name in MADE_FOR_IT:
        assert STATEMENTS.search(" ".join(strings(ast.parse((CHECKOUT / name).read_text())))), name


@pytest.mark.parametrize("function", [reset.reset, drop_test_db.drop])
def test_what_destroys_takes_the_proof(function: object) -> None:
    assert callable(function)
    parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    assert parameters[0].annotation is VerifiedTestDatabase


def test_only_the_verifier_makes_the_proof() -> None:
    verifier = Path(inspect.getfile(verification))
    for path in SOURCES:
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "VerifiedTestDatabase"
        ]
        assert len(calls) == (1 if path == verifier else 0), path
