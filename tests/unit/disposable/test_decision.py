"""A database is disposable only where nothing at all speaks against it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from dashtam.disposable.decision import reasons_to_refuse
from dashtam.settings.model import TEST_DATABASE_NAME, Environment
from tests.support.makers.disposables import TEST_URL, make_observation, make_test_settings

WORDS = [
    "latest",
    "contest",
    "attestation",
    "testimonials",
    "test",
    "testing",
    "dashtam_tests",
    "dashtam_test_",
]


def test_the_stamped_test_database_of_the_known_cluster_is_disposable() -> None:
    assert reasons_to_refuse(make_test_settings(), make_observation()) == []


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ({"database": "dashtam"}, "connected to the database dashtam; expected dashtam_test"),
        ({"database": "dashtam_test_b"}, "connected to the database dashtam_test_b; expected dashtam_test"),
        ({"user": "postgres", "owner": "postgres"}, "connected as postgres; expected dashtam_test_user"),
        ({"owner": "dashtam_user"}, "belongs to dashtam_user; expected dashtam_test_user"),
        ({"cluster_identifier": "7000000000000000002"}, "this is the PostgreSQL cluster 7000000000000000002"),
        ({"in_recovery": True}, "in recovery"),
        ({"stamp": None}, "the stamp of dashtam_test is None"),
        ({"stamp": "dashtam purpose=development cluster=7000000000000000001"}, "purpose=development"),
        ({"stamp": "dashtam purpose=testing cluster=7000000000000000002"}, "cluster=7000000000000000002"),
        ({"stamp": "dashtam purpose=testing cluster=7000000000000000001 "}, "the stamp of dashtam_test is"),
        ({"is_template": True}, "is a template"),
        ({"is_privileged": True}, "is a superuser, or may create databases or roles"),
        ({"reaches_development": True}, "may connect to dashtam"),
        ({"schemas": ("prod",)}, "names are looked up in prod"),
        ({"schemas": ("prod", "public")}, "names are looked up in prod, public"),
        ({"schemas": ()}, "names are looked up in no schema"),
        (
            {"foreign_sessions": ("pid 7, psql, as somebody",)},
            "others are connected: pid 7, psql, as somebody",
        ),
        ({"foreign_servers": ("server prod",)}, "changes may leave the database through server prod"),
    ],
)
def test_what_the_server_shows_can_speak_against_it(seen: dict[str, object], reason: str) -> None:
    (only,) = reasons_to_refuse(make_test_settings(), make_observation(**seen))
    assert reason in only


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"ENVIRONMENT": Environment.PRODUCTION}, "ENVIRONMENT is production; expected testing"),
        ({"ENVIRONMENT": Environment.DEVELOPMENT}, "ENVIRONMENT is development; expected testing"),
        (
            {"DATABASE_URL": SecretStr(TEST_URL.replace("127.0.0.1", "prod"))},
            "DATABASE_URL leads to prod; expected",
        ),
        ({"TESTING": False}, "TESTING is False; expected true"),
        ({"TESTING": "false"}, "TESTING is false; expected true"),
        ({"DEVELOPMENT_DATABASE": "elsewhere:1/dashtam_test"}, "which is the development database"),
        ({"DEVELOPMENT_DATABASE": "127.0.0.1:5432/dashtam_test"}, "which is the development database"),
    ],
)
def test_what_the_settings_say_can_speak_against_it(asked: dict[str, object], reason: str) -> None:
    (only,) = reasons_to_refuse(make_test_settings(**asked), make_observation())
    assert reason in only


@pytest.mark.parametrize("name", WORDS)
def test_a_name_that_merely_contains_test_speaks_against_it(name: str) -> None:
    _refuses_name(name)


@given(before=st.from_regex("([a-z_]|dashtam_){0,4}", fullmatch=True), after=st.text("_abz019", max_size=9))
def test_only_one_name_and_its_suffixes_pass_of_all_that_contain_test(before: str, after: str) -> None:
    name = f"{before}test{after}"
    if not TEST_DATABASE_NAME.fullmatch(name):
        _refuses_name(name)


def test_all_reasons_are_told_at_once() -> None:
    seen = make_observation(database="dashtam", stamp=None, is_template=True, in_recovery=True)
    reasons = reasons_to_refuse(make_test_settings(TESTING=False), seen)
    assert len(reasons) == 5


def test_no_reason_tells_a_password() -> None:
    seen = make_observation(user="x", database="y", cluster_identifier="1", foreign_sessions=("pid 1",))
    assert "test_password" not in "\n".join(reasons_to_refuse(make_test_settings(TESTING=False), seen))


def _refuses_name(name: str) -> None:
    settings = make_test_settings(DATABASE_URL=SecretStr(TEST_URL.removesuffix("dashtam_test") + name))
    reasons = reasons_to_refuse(settings, make_observation(database=name))
    assert reasons == [f"DATABASE_URL names {name}; expected dashtam_test or dashtam_test_<suffix>"]
