"""Reads the SQL of a migration file without running anything of it.

A migration is a Python function that is handed a connection, and could do anything with that. So the file is read, not
imported: its SQL is known where nothing but texts and steps of dashtam.database.rules add up to it, as in all that
Aerich writes. Of any other file nothing is known in advance.
"""

import ast
from collections.abc import Mapping
from typing import Final

from dashtam.database import rules

_FUNCTIONS: Final = frozenset({"upgrade", "downgrade"})
_IMPORTS: Final = frozenset(
    {
        "from tortoise import BaseDBAsyncClient",
        "from tortoise.backends.base.client import BaseDBAsyncClient",
        "from dashtam.database import rules",
    }
)


class NotReadable(Exception):
    """What stands in a migration that only running it would tell."""


def read_upgrade(source: str) -> str:
    """The SQL that `upgrade` of this source answers.

    Raises:
        NotReadable: the source does more than answer with texts.
    """
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise NotReadable(f"is no Python: {error}") from error
    known: dict[str, object] = {}
    upgrade: ast.AsyncFunctionDef | None = None
    for node in module.body:
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                continue
            case ast.Import() | ast.ImportFrom() if ast.unparse(node) in _IMPORTS:
                name = node.names[0].name
                value: object = rules if name == "rules" else None
            case (
                ast.Assign(targets=[ast.Name(id=name)])
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr())
            ):
                value = _evaluate(node.value, known)
            case ast.AsyncFunctionDef(name=name) if name in _FUNCTIONS and _is_plain(node):
                upgrade, value = (node if name == "upgrade" else upgrade), None
            case _:
                raise NotReadable(f"line {node.lineno} does more than name a text: {_first_line(node)}")
        if name in known:
            raise NotReadable(f"line {node.lineno} gives {name} a second meaning")
        known[name] = value
    if upgrade is None:
        raise NotReadable("has no `async def upgrade(db)`")
    return _answer(upgrade, known)


def _is_plain(function: ast.AsyncFunctionDef) -> bool:
    """One parameter, and nothing that runs when the file is imported."""
    given = function.args
    return (
        len(given.args) == 1
        and not (given.posonlyargs or given.kwonlyargs or given.defaults or given.vararg or given.kwarg)
        and not function.decorator_list
        and ast.unparse(given.args[0].annotation or ast.Name("BaseDBAsyncClient")) == "BaseDBAsyncClient"
        and ast.unparse(function.returns or ast.Name("str")) == "str"
    )


def _answer(upgrade: ast.AsyncFunctionDef, known: Mapping[str, object]) -> str:
    body = [
        node
        for node in upgrade.body
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
        raise NotReadable(f"line {upgrade.lineno}: `upgrade` does more than answer with SQL")
    hidden = {argument.arg: None for argument in upgrade.args.args}
    sql = _evaluate(body[0].value, {**known, **hidden})
    if not isinstance(sql, str):
        raise NotReadable(f"line {upgrade.lineno}: `upgrade` answers {sql!r}, which is no SQL")
    return sql


def _evaluate(node: ast.expr | None, known: Mapping[str, object]) -> object:
    """The value of constants, of names that stand for them, of rules.STEP_n, and of sums and f-strings of texts."""
    match node:
        case ast.Constant(value=str() | bool() as value):
            return value
        case ast.Name(id=name) if isinstance(known.get(name), str):
            return known[name]
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if known.get(name) is rules:
            step = vars(rules).get(attribute)
            if isinstance(step, str):
                return step
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left, known) + _text(right, known)
        case ast.JoinedStr(values=values):
            return "".join(_text(part, known) for part in values)
        case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
            return _text(inner, known)
        case _:
            pass
    shown = "nothing" if node is None else f"line {node.lineno}: {_first_line(node)}"
    raise NotReadable(f"{shown} is more than texts and steps of the rules")


def _text(node: ast.expr, known: Mapping[str, object]) -> str:
    value = _evaluate(node, known)
    if not isinstance(value, str):
        raise NotReadable(f"line {node.lineno}: {_first_line(node)} is no text")
    return value


def _first_line(node: ast.AST) -> str:
    return ast.unparse(node).partition("\n")[0][:100]
