"""What each route writes to the audit trail, or why it writes nothing: declared beside the route, checked at start-up.

@blueprint.post("")
@audits("session.created", "session.refused")
async def sign_in() -> Response: ...

@blueprint.get("")
@not_audited("reads the public catalogue")
async def list_providers() -> Response: ...
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from quart import Quart

from dashtam.web.errors import UndeclaredRoute

_ACTION: Final = re.compile(r"[a-z_]+(\.[a-z_]+)+")
_ATTRIBUTE: Final = "audit_declaration"

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Declaration:
    """The actions of which a route writes at least one whenever it is used, or the reason for none."""

    actions: frozenset[str] = frozenset()
    reason: str = ""


def audits(*actions: str) -> Callable[[View], View]:
    """Declare the actions that a route writes, each whatever its outcome.

    Raises:
        ValueError: none is given, or one is not dotted words in lower case.
    """
    if not actions or not all(_ACTION.fullmatch(action) for action in actions):
        raise ValueError(f"{actions!r}: expected past-tense facts like 'session.created'")
    return _declare(Declaration(actions=frozenset(actions)))


def not_audited(reason: str) -> Callable[[View], View]:
    """Declare that a route writes nothing, and why.

    Raises:
        ValueError: the reason is empty.
    """
    if not reason.strip():
        raise ValueError("expected the reason why this route is not audited")
    return _declare(Declaration(reason=reason))


def _declare(declaration: Declaration) -> Callable[[View], View]:
    def declare(view: View) -> View:
        if hasattr(view, _ATTRIBUTE):
            raise ValueError(f"{view.__name__} has two declarations")
        setattr(view, _ATTRIBUTE, declaration)
        return view

    return declare


def declarations(app: Quart) -> dict[str, Declaration]:
    """Say what each endpoint of an application declares.

    Raises:
        UndeclaredRoute: names every route that declares nothing.
    """
    found = {name: getattr(view, _ATTRIBUTE, None) for name, view in app.view_functions.items()}
    silent = [
        f"{rule.rule} ({rule.endpoint})" for rule in app.url_map.iter_rules() if not found.get(rule.endpoint)
    ]
    if silent:
        raise UndeclaredRoute(
            f"{', '.join(sorted(silent))}: add @audits('noun.happened') or @not_audited('why') below the route"
        )
    return {name: declaration for name, declaration in found.items() if declaration is not None}


def refuse_undeclared(app: Quart) -> None:
    """Check that every route of an application declares what it audits.

    Raises:
        UndeclaredRoute: names every route that declares nothing.
    """
    declarations(app)
