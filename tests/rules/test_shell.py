"""Which variables of its environment the code looks at: no other can change what it does, or skip a check."""

import ast
from collections.abc import Iterator

from tests.support.checkout import CHECKOUT

HOLDERS = {"environ", "shell", "getenv"}
READ = {
    "'COMPOSE_PROJECT_NAME'": "which environment is meant",
    "'DASHTAM_HOME'": "where its data is",
    "'DASHTAM_ENGINE'": "what runs it",
    "ENV_FILE_VARIABLE": "where the settings stand; set by the engine",
    "'ENVIRONMENT'": "to refuse tests in a shell for production, and variables of tests in production",
    "'PATH'": "where the Docker client is",
    "name": "the allow-lists of what children get, each tested by itself",
}


def keys_read(tree: ast.AST) -> Iterator[str]:
    """What is asked of os.environ, or of the mapping that stands for it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and holds_variables(node.value):
            yield ast.unparse(node.slice)
        elif isinstance(node, ast.Call) and node.args:
            asked = (
                node.func.value
                if isinstance(node.func, ast.Attribute) and node.func.attr == "get"
                else node.func
            )
            if holds_variables(asked):
                yield ast.unparse(node.args[0])


def holds_variables(node: ast.AST) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in HOLDERS


def test_the_code_reads_no_other_variable_of_its_environment() -> None:
    sources = [*(CHECKOUT / "dashtam").rglob("*.py"), CHECKOUT / "tasks.py"]
    found = {key for source in sources for key in keys_read(ast.parse(source.read_text(encoding="utf-8")))}
    assert found == set(READ)
