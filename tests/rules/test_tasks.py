"""The tasks are sentences: documented, light to load, and their children inherit nothing that they should not."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.checkout import CHECKOUT

HEAVY = ("quart", "tortoise", "pydantic", "asyncpg", "cryptography", "psutil", "dashtam.devenv.verbs")
# They run inside the components, whose environment is an allow-list already.
INSIDE_COMPONENTS = {"reload.py", "tether.py"}


def load_tasks() -> list[tuple[str, str, list[str], dict[str, str]]]:
    """Name, docstring, parameters and their help of every task."""
    invoke = pytest.importorskip(
        "invoke", reason="the app's image has no Invoke; the developer's machine checks this"
    )
    loaded, _ = invoke.FilesystemLoader(start=str(CHECKOUT), config=invoke.Config()).load("tasks")
    namespace = loaded.namespace
    return [
        (name, task.__doc__ or "", list(inspect.signature(task.body).parameters)[1:], task.help)
        for name in namespace.task_names
        for task in [namespace[name]]
    ]


def test_every_task_says_what_it_does_and_every_parameter_what_it_is_for() -> None:
    silent = [
        f"{name} {parameter}"
        for name, _, parameters, told in load_tasks()
        for parameter in parameters
        if not told.get(parameter)
    ]
    assert not silent
    assert not [name for name, doc, _, _ in load_tasks() if not doc.rstrip().endswith(".")]


def test_no_help_speaks_of_a_parameter_that_is_not_there() -> None:
    assert not [name for name, _, parameters, told in load_tasks() if set(told) - set(parameters)]


def test_no_verb_can_be_told_to_skip_a_check() -> None:
    # It names what was read and agreed to, one by one; nothing else passes.
    agreeing = {"db.migrate allow"}
    skipping = {"force", "yes", "no_input", "skip", "unsafe", "allow", "ignore", "confirm", "assume_yes"}
    found = {
        f"{name} {parameter}"
        for name, _, parameters, _ in load_tasks()
        for parameter in parameters
        if skipping & {parameter, *parameter.split("_")}
    }
    assert found == agreeing


def test_no_verb_goes_backwards_or_empties_a_database() -> None:
    """What destroys is called test.clean, and knows the test database alone."""
    words = {
        "downgrade",
        "rollback",
        "revert",
        "reset",
        "drop",
        "flush",
        "truncate",
        "wipe",
        "destroy",
        "purge",
    }
    names = {name for name, *_ in load_tasks()}
    assert {name for name in names if words & set(name.replace("-", ".").split("."))} == {"db.drop-snapshot"}


def test_loading_the_tasks_loads_neither_the_application_nor_what_only_verbs_need() -> None:
    pytest.importorskip("invoke", reason="the app's image has no Invoke; the developer's machine checks this")
    code = f"import sys, tasks; print([name for name in {HEAVY!r} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True)
    assert answer.stdout.strip() == "[]", answer.stdout + answer.stderr


def test_a_task_is_one_delegated_call() -> None:
    tree = ast.parse((CHECKOUT / "tasks.py").read_text())
    tasks = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any("task" in ast.unparse(mark) for mark in node.decorator_list)
    ]
    assert len(tasks) > 20
    assert not [task.name for task in tasks if len(task.body) != 2 or not isinstance(task.body[1], ast.Expr)]


def child_starts() -> Iterator[tuple[str, ast.Call]]:
    """Every place of the developer environment that starts a process."""
    for module in sorted((CHECKOUT / "dashtam" / "devenv").rglob("*.py")):
        if module.name in INSIDE_COMPONENTS:
            continue
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(
                ("subprocess.", "os.system", "os.popen", "os.exec", "os.spawn", "os.posix_spawn")
            ):
                yield f"{module.relative_to(CHECKOUT)}:{node.lineno}", node


def test_every_child_gets_an_environment_that_we_chose() -> None:
    """`subprocess` hands on the whole shell where nothing is said: DATABASE_URL, PG*, DOCKER_HOST and all."""
    starts = list(child_starts())
    assert len(starts) > 5
    assert not [
        place
        for place, call in starts
        if ast.unparse(call.func).startswith("subprocess.")
        and "env" not in {keyword.arg for keyword in call.keywords}
        and ast.unparse(call.func) not in {"subprocess.CompletedProcess", "subprocess.TimeoutExpired"}
    ]


def test_no_child_is_started_by_a_shell_that_reads_a_string() -> None:
    assert not [
        place for place, call in child_starts() if "shell" in {keyword.arg for keyword in call.keywords}
    ]
    assert not [
        place
        for place, call in child_starts()
        if ast.unparse(call.func).startswith(("os.system", "os.popen"))
    ]
