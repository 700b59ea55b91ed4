"""The changes to a line of Python: mutmut's operators, and operators that remove a whole guard."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import libcst as cst
from mutmut.mutation.mutators import (
    mutation_operators,
    operator_arg_removal,
    operator_string,
    operator_swap_op,
)

from tests.mutation.sql import sql_mutants

Operator = Callable[[cst.CSTNode], Iterable[cst.CSTNode]]

_PASS: Final = cst.SimpleStatementLine([cst.Pass()])
_SMALL: Final = (cst.Raise, cst.Assert, cst.Return, cst.Del)
_CALLED: Final = (cst.Call, cst.Await, cst.Yield)
_PROSE: Final = frozenset({"advice", "match"})
_REPLACED: Final = (operator_string, operator_arg_removal)


def remove_statement(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Remove a statement with an effect: a refusal, a call, a yield."""
    if isinstance(node, cst.SimpleStatementLine) and len(node.body) == 1:
        (small,) = node.body
        if isinstance(small, _SMALL) or (isinstance(small, cst.Expr) and isinstance(small.value, _CALLED)):
            yield _PASS


def fix_condition(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Make a condition constant, both true and false; a name that it binds stays bound."""
    if isinstance(node, cst.If | cst.While):
        for word, operator in (("True", cst.Or()), ("False", cst.And())):
            if isinstance(node, cst.If) or word == "False":
                yield node.with_changes(test=_decided(node.test, operator, word))
    if isinstance(node, cst.CompIf):
        yield node.with_changes(test=_decided(node.test, cst.Or(), "True"))


def _decided(test: cst.BaseExpression, operator: cst.BaseBooleanOp, word: str) -> cst.BaseExpression:
    inner = test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return cst.BooleanOperation(inner, operator, cst.Name(word))


def drop_clause(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Remove one side of `and` and of `or`."""
    if isinstance(node, cst.BooleanOperation):
        for side in (node.left, node.right):
            yield side.with_changes(lpar=[*side.lpar, cst.LeftParen()], rpar=[cst.RightParen(), *side.rpar])


def drop_element(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Remove one element of a literal list, set, dictionary or parenthesized tuple."""
    if isinstance(node, cst.List | cst.Set | cst.Dict) or (isinstance(node, cst.Tuple) and node.lpar):
        elements: Sequence[cst.BaseElement | cst.BaseDictElement] = node.elements
        least = 2 if isinstance(node, cst.Set | cst.Tuple) else 1
        for place in range(len(elements) if len(elements) > least - 1 else 0):
            rest = [*elements[:place], *elements[place + 1 :]]
            if isinstance(node, cst.Tuple) and len(rest) == 1:
                rest = [rest[0].with_changes(comma=cst.Comma())]
            yield node.with_changes(elements=rest)


def unwrap(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Run the body of a `with` that binds nothing without its database transaction or lock."""
    if isinstance(node, cst.With) and all(item.asname is None for item in node.items):
        yield cst.If(test=cst.Name("True"), body=node.body)


def change_sql(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield the mutants of SQL in a multi-line string."""
    if isinstance(node, cst.SimpleString) and '"""' in node.value:
        for mutant in sql_mutants("", node.value):
            yield node.with_changes(value=mutant.text)


def return_opposite(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Return the opposite of a condition, and None instead of a value."""
    if isinstance(node, cst.Return) and node.value is not None:
        if isinstance(node.value, cst.Comparison | cst.BooleanOperation):
            value = node.value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
            yield node.with_changes(value=cst.UnaryOperation(cst.Not(), value))
        elif not (isinstance(node.value, cst.Name) and node.value.value == "None"):
            yield node.with_changes(value=cst.Name("None"))


def drop_keyword(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Remove one keyword argument of a call."""
    if isinstance(node, cst.Call):
        for place, argument in enumerate(node.args):
            if argument.keyword is not None and argument.keyword.value not in _PROSE:
                yield node.with_changes(args=[*node.args[:place], *node.args[place + 1 :]])


def change_text(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Change a string."""
    if isinstance(node, cst.SimpleString) and len(node.value) > 2 and '"""' not in node.value:
        yield node.with_changes(value=f"{node.value[:-1]}X{node.value[-1]}")


# Operators that remove a guard; CI tries these.
REMOVALS: Final[tuple[Operator, ...]] = (
    *(remove_statement, fix_condition, drop_clause, drop_element, unwrap),
    change_sql,
)
# All other operators. mutmut's operators for strings and arguments make a dozen mutants of a line that the type checker
# refuses, so ours replace them.
MISTAKES: Final[tuple[Operator, ...]] = (return_opposite, drop_keyword, change_text)


def changes_of(node: cst.CSTNode, *, thorough: bool) -> Iterator[cst.CSTNode]:
    """Yield every change of a node, one at a time; removed guards come first."""
    for removal in REMOVALS:
        yield from removal(node)
    for kind, operator in mutation_operators:
        if (
            isinstance(node, kind)
            and (operator is operator_swap_op or thorough)
            and operator not in _REPLACED
        ):
            yield from operator(node)
    for mistake in MISTAKES if thorough else ():
        yield from mistake(node)
