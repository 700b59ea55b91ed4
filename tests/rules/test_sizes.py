"""Files, functions and folders stay small enough to be read in one go."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.support.checkout import CHECKOUT

MODULES = sorted(
    [*(CHECKOUT / "dashtam").rglob("*.py"), *(CHECKOUT / "tests").rglob("*.py"), CHECKOUT / "tasks.py"]
)
LONGEST_FILE = 400
LONGEST_FUNCTION = 40
MAX_SIBLINGS = 20
VAGUE_NAMES = {"utils", "helpers", "common", "manager"}


def name_of(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_says_what_it_is_for_and_stays_small(module: Path) -> None:
    text = module.read_text()
    tree = ast.parse(text)
    assert not VAGUE_NAMES & {module.stem, *module.relative_to(CHECKOUT).parts}
    assert len(text.splitlines()) <= LONGEST_FILE
    assert not text.strip() or ast.get_docstring(tree)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    too_long = [
        f.name for f in functions if (f.end_lineno or f.lineno) - f.body[0].lineno >= LONGEST_FUNCTION
    ]
    assert not too_long


def test_a_folder_with_more_than_twenty_modules_is_split() -> None:
    siblings = Counter(
        module.parent for module in MODULES if module.name not in {"__init__.py", "conftest.py"}
    )
    assert {name_of(folder): count for folder, count in siblings.items() if count > MAX_SIBLINGS} == {}
