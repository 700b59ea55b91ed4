"""Mutants of Python: every change of every targeted node and of its embedded SQL."""

import ast
from collections.abc import Iterator
from typing import Final

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from tests.mutation.mutants import Mutant, describe
from tests.mutation.operators import changes_of

# Nodes of these types are read only by people or by the type checker.
_UNSEEN: Final = (cst.Annotation, cst.FormattedString, cst.Raise, cst.Import, cst.ImportFrom, cst.Decorator)


class _Collector(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, only: frozenset[str], *, thorough: bool) -> None:
        super().__init__()
        self.found: list[tuple[int, cst.CSTNode, cst.CSTNode]] = []
        self._only = only
        self._thorough = thorough
        self._within: list[cst.CSTNode] = []  # functions and classes: everything inside a target is a target

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, _UNSEEN) or _is_docstring(node) or self._is_elsewhere(node):
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef) and (
            not self._only or node.name.value in self._only
        ):
            self._within.append(node)
        line = self.get_metadata(PositionProvider, node).start.line
        self.found += [(line, node, changed) for changed in changes_of(node, thorough=self._thorough)]
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if self._within and self._within[-1] is original_node:
            self._within.pop()

    def _is_elsewhere(self, node: cst.CSTNode) -> bool:
        """Whether a node is a function, a class or a constant that is not one of the named targets."""
        if not self._only or self._within:
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            # The visitor enters a class for its methods.
            return node.name.value not in self._only and not isinstance(node, cst.ClassDef)
        return isinstance(node, cst.Assign | cst.AnnAssign) and not self._only & set(_names(node))


def _names(node: cst.Assign | cst.AnnAssign) -> list[str]:
    targets = [node.target] if isinstance(node, cst.AnnAssign) else [one.target for one in node.targets]
    return [target.value for target in targets if isinstance(target, cst.Name)]


def _is_docstring(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Expr) and isinstance(node.value, cst.SimpleString | cst.ConcatenatedString)


def python_mutants(
    file: str, text: str, only: frozenset[str] = frozenset(), *, thorough: bool = True
) -> Iterator[Mutant]:
    """Yield the mutants of a Python file that still compile; `only` limits them to the named definitions."""
    wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
    collector = _Collector(only, thorough=thorough)
    wrapper.visit(collector)
    seen = {text}
    for line, node, changed in collector.found:
        mutated = cst.ensure_type(wrapper.module.deep_replace(node, changed), cst.Module).code
        if mutated not in seen and _compiles(mutated):
            seen.add(mutated)
            yield describe(file, line, text, mutated)


def _compiles(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True
