"""A route that does not say what it audits keeps the application from starting."""

from collections.abc import Callable
from functools import wraps

import pytest
from quart import Blueprint, Quart

from dashtam.web.audits import Declaration, audits, declarations, not_audited, refuse_undeclared
from dashtam.web.errors import UndeclaredRoute


def passed_on(view: Callable[[], str]) -> Callable[[], str]:
    """A decorator as those of quart-schema are."""

    @wraps(view)
    def wrapped() -> str:
        return view()

    return wrapped


def make_app() -> Quart:
    return Quart("test", static_folder=None)


def test_a_route_that_declares_nothing_is_named() -> None:
    app = make_app()
    app.add_url_rule("/loud", "loud", audits("noise.made")(lambda: ""))
    app.add_url_rule("/silent", "silent", lambda: "")
    app.add_url_rule("/mute/<name>", "mute", lambda: "")
    with pytest.raises(UndeclaredRoute, match=r"^/mute/<name> \(mute\), /silent \(silent\): add @audits"):
        refuse_undeclared(app)


def test_a_websocket_is_a_route_too() -> None:
    app = make_app()
    app.add_websocket("/stream", "stream", lambda: "")
    with pytest.raises(UndeclaredRoute, match="/stream"):
        refuse_undeclared(app)


def test_files_that_quart_serves_by_itself_are_routes_too() -> None:
    with pytest.raises(UndeclaredRoute, match="<path:filename>"):
        refuse_undeclared(Quart("test", static_folder="/tmp"))


def test_what_is_declared_is_known_by_endpoint() -> None:
    app, blueprint = make_app(), Blueprint("doors", __name__, url_prefix="/doors")
    blueprint.add_url_rule("/", "open", audits("door.opened", "door.refused")(lambda: ""))
    blueprint.add_url_rule("/list", "list", not_audited("reads")(lambda: ""))
    app.register_blueprint(blueprint)
    refuse_undeclared(app)
    assert declarations(app) == {
        "doors.open": Declaration(actions=frozenset({"door.opened", "door.refused"})),
        "doors.list": Declaration(reason="reads"),
    }


def test_the_place_among_other_decorators_does_not_count() -> None:
    app = make_app()
    app.add_url_rule("/under", "under", passed_on(not_audited("reads")(lambda: "")))
    app.add_url_rule("/over", "over", not_audited("reads")(passed_on(lambda: "")))
    refuse_undeclared(app)


@pytest.mark.parametrize("actions", [(), ("made",), ("Noise.made",), ("noise.made", ""), ("noise.made\n",)])
def test_an_action_is_a_dotted_fact(actions: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="expected past-tense facts"):
        audits(*actions)


def test_a_reason_is_given() -> None:
    with pytest.raises(ValueError, match="the reason"):
        not_audited(" ")


def test_one_route_declares_once() -> None:
    with pytest.raises(ValueError, match="two declarations"):
        audits("noise.made")(not_audited("reads")(lambda: ""))
