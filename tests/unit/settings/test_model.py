"""Settings are complete and safe, or refused with all problems at once."""

import os
from pathlib import Path

import pytest

from dashtam.settings.errors import SettingsError
from dashtam.settings.loading import fingerprint, load_settings, secret_values
from dashtam.settings.model import Environment, Settings, TestSettings

STRONG = "Kd93nvQ0xL2mZb7R"
KEY = "k1:mSqTRVxx_t02rJu8Q5lSwEHPYURZWEcq9Hkmm42HNRM="
TEST_KEY = "test:dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdCE="
PRODUCTION = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": f"postgresql+asyncpg://dashtam_user:{STRONG}@db:5432/dashtam",
    "REDIS_URL": f"redis://:{STRONG}@cache:6379/0",
    "TOKEN_ENCRYPTION_KEYS": KEY,
    "APP_URL": "https://dashtam.example.com",
    "CALLBACK_URL": "https://dashtam.example.com:8182",
    "SMTP_URL": "smtps://dashtam:canary-of-mail@mail.example.com",
    "MAIL_FROM": "dashtam@example.com",
}
TESTING = {
    "ENVIRONMENT": "testing",
    "TESTING": "true",
    "DATABASE_URL": "postgresql+asyncpg://dashtam_test_user:test_password@127.0.0.1:5432/dashtam_test",
    "REDIS_URL": "redis://:redis@127.0.0.1:6379/1",
    "TOKEN_ENCRYPTION_KEYS": TEST_KEY,
    "CLUSTER_IDENTIFIER": "7361029384756102938",
    "DEVELOPMENT_DATABASE": "127.0.0.1:5432/dashtam",
}


@pytest.fixture(autouse=True)
def _bare_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings and env file of the test run away from the settings under test."""
    for name in os.environ:
        if name in TestSettings.model_fields or name.startswith(("TEST_", "DASHTAM_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def give(monkeypatch: pytest.MonkeyPatch, *tables: dict[str, str]) -> None:
    for table in tables:
        for name, value in table.items():
            monkeypatch.setenv(name, value)


def problems(kind: type[Settings]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(kind)
    return list(caught.value.problems)


def test_production_is_the_default_and_needs_no_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, PRODUCTION)
    monkeypatch.delenv("ENVIRONMENT")
    settings = load_settings(Settings)
    assert settings.ENVIRONMENT is Environment.PRODUCTION
    assert settings.DEBUG is False
    assert settings.database.place == "db:5432/dashtam"
    assert settings.cache.place == "cache:6379/0"
    assert list(settings.token_keys) == ["k1"]


def test_variables_override_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("".join(f"{name}={value}\n" for name, value in PRODUCTION.items()))
    assert load_settings(Settings).LOG_LEVEL == "INFO"
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    settings = load_settings(Settings)
    assert settings.LOG_LEVEL == "ERROR"
    assert fingerprint(settings)["LOG_LEVEL"] == "ERROR (environment)"
    assert fingerprint(settings)["ENVIRONMENT"] == "production (env file)"
    assert fingerprint(settings)["DEBUG"] == "False (default)"


def test_everything_that_is_missing_is_named_at_once() -> None:
    assert [problem.split()[0] for problem in problems(Settings)] == [
        "DATABASE_URL",
        "REDIS_URL",
        "TOKEN_ENCRYPTION_KEYS",
        "SMTP_URL",
        "MAIL_FROM",
    ]
    assert "expected postgresql+asyncpg://user:password@host:port/name" in problems(Settings)[0]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DEBUG", "true", "expected false in production; got 'true'"),
        ("DATABASE_URL", "postgresql://u:secure_password_change_me@db/dashtam", "weak or an example"),
        ("REDIS_URL", "redis://cache/0", "missing, weak or an example"),
        ("TOKEN_ENCRYPTION_KEYS", TEST_KEY, "test: weak or an example"),
        ("APP_URL", "http://dashtam.example.com", "plain http"),
        ("CALLBACK_URL", "http://localhost:8182", "plain http"),
        (
            "CALLBACK_URL",
            "https://callback.example.com",
            "expected the host name of APP_URL, dashtam.example.com, because both share cookies",
        ),
        ("RETURN_PATHS", "//evil.example", "expected plain paths such as /docs"),
        ("SMTP_URL", "", "production requires a mail server; expected smtps://user:password@host:465"),
        ("SMTP_URL", "smtp://mail.example.com", "requires encryption"),
        ("SMTP_URL", "http://mail.example.com", "expected smtps://"),
        ("MAIL_FROM", "", "expected one address"),
        ("MAIL_FROM", "Dashtam <dashtam@example.com>", "expected one address"),
        ("MAIL_FROM", "dashtam@example.com\nBcc: x@y", "expected one address"),
        ("MAIL_FROM", "dashtam@example.com, eve@example.com", "expected one address"),
        ("CORS_ORIGINS", "https://app.example.com,http://localhost:3000", "plain http"),
        ("CORS_ORIGINS", "*", "is not an origin"),
        ("EXTRA_CA_FILE", "/certificates/ca.pem", "expected nothing in production"),
        ("SANDBOX_SERVER", "app:8000", "expected nothing in production"),
        ("TEST_POSTGRES_DB", "dashtam_test", "refused in production"),
        ("TESTING", "false", "refused in production"),
    ],
)
def test_production_refuses(monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    give(monkeypatch, PRODUCTION, {name: value})
    (problem,) = problems(Settings)
    assert problem.startswith(f"{name} (from environment): ")
    assert message in problem


def test_production_refuses_everything_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, PRODUCTION, {"DEBUG": "1", "REDIS_URL": "redis://cache/0", "TESTING": "true"})
    monkeypatch.delenv("DATABASE_URL")
    assert sorted(problem.split()[0] for problem in problems(Settings)) == [
        "DATABASE_URL",
        "DEBUG",
        "REDIS_URL",
        "TESTING",
    ]


@pytest.mark.parametrize("spelling", ["yes", "on", "2", "", "tru", '"false"', "'true'", "true;", "0 0", "t"])
def test_a_switch_is_true_false_1_or_0(monkeypatch: pytest.MonkeyPatch, spelling: str) -> None:
    give(monkeypatch, PRODUCTION, {"DEBUG": spelling})
    assert problems(Settings) == [f"DEBUG (from environment): expected true, false, 1 or 0; got {spelling!r}"]


@pytest.mark.parametrize("spelling", ["false", "FALSE", " 0 ", "0\r"])
def test_a_switch_may_be_spelled_loosely(monkeypatch: pytest.MonkeyPatch, spelling: str) -> None:
    give(monkeypatch, PRODUCTION, {"DEBUG": spelling})
    assert load_settings(Settings).DEBUG is False


@pytest.mark.parametrize("spelling", ["true", "True", " 1 "])
def test_a_switch_that_must_be_on_may_be_spelled_loosely_as_well(
    monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    give(monkeypatch, TESTING, {"TESTING": spelling})
    assert load_settings(TestSettings).TESTING is True


@pytest.mark.parametrize(
    "value",
    ["localhost", "ftp://h", "https://", "https://h/path", "https://u@h", "https://h:x", "https://h?q"],
)
def test_a_url_of_ours_is_an_origin(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    give(monkeypatch, PRODUCTION, {"APP_URL": value})
    assert all(problem.startswith("APP_URL (from environment): ") for problem in problems(Settings))


@pytest.mark.parametrize(
    "host", ["dashtam.example.com", "192.0.2.1", "0.0.0.0", "localhost.example.com", "[::]"]
)
def test_plain_http_is_allowed_only_on_this_machine_in_development(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    give(monkeypatch, PRODUCTION, {"ENVIRONMENT": "development"})
    for own in ("127.0.0.1", "[::1]", "localhost"):
        give(monkeypatch, {"APP_URL": f"https://{own}:8000", "CALLBACK_URL": f"http://{own}:8182"})
        assert f"http://{own}:8182" == load_settings(Settings).CALLBACK_URL
    give(monkeypatch, {"APP_URL": f"https://{host}:8000", "CALLBACK_URL": f"http://{host}:8182"})
    (problem,) = problems(Settings)
    assert problem.startswith("CALLBACK_URL (from environment): plain http is allowed only on this machine")


def test_origins_on_this_machine_are_allowed_in_development(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, PRODUCTION, {"ENVIRONMENT": "development", "CORS_ORIGINS": "http://localhost:3000"})
    assert load_settings(Settings).origins == {"http://localhost:3000"}
    give(monkeypatch, {"CORS_ORIGINS": "http://app.example.com"})
    (problem,) = problems(Settings)
    assert "plain http" in problem


def test_a_huge_value_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, PRODUCTION, {"APP_URL": "x" * 100_000, "TOKEN_ENCRYPTION_KEYS": "y" * 100_000})
    assert len(problems(Settings)) == 2
    assert all(len(problem) < 300 for problem in problems(Settings))


def test_no_problem_and_no_fingerprint_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, PRODUCTION)
    settings = load_settings(Settings)
    assert STRONG not in f"{settings!r} {fingerprint(settings)}"
    assert "canary-of-mail" not in f"{settings!r} {fingerprint(settings)}"
    assert {STRONG, KEY.partition(":")[2], PRODUCTION["DATABASE_URL"], "canary-of-mail"} <= secret_values(
        settings
    )
    assert "" not in secret_values(settings)
    give(monkeypatch, dict.fromkeys(("DATABASE_URL", "REDIS_URL"), f"canary://{STRONG}"))
    give(monkeypatch, {"TOKEN_ENCRYPTION_KEYS": f"canary:{STRONG}"})
    assert len(problems(Settings)) == 3
    assert STRONG not in "".join(problems(Settings))


def test_the_test_environment_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, TESTING)
    settings = load_settings(TestSettings)
    assert settings.TESTING
    assert settings.DISABLE_EXTERNAL_CALLS
    assert settings.database.name == "dashtam_test"
    assert (settings.mail_server, settings.MAIL_FROM) == (None, "dashtam@localhost")
    assert "" not in secret_values(settings)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "postgres", "LOCALHOST"])
def test_a_test_database_is_on_this_machine_or_the_component(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    give(monkeypatch, TESTING, {"DATABASE_URL": f"postgresql://u:p@{host}:5432/dashtam_test"})
    assert load_settings(TestSettings).database.host == host.strip("[]").lower()


def test_the_cache_of_the_tests_may_be_the_component(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, TESTING, {"REDIS_URL": TESTING["REDIS_URL"].replace("127.0.0.1", "redis")})
    assert load_settings(TestSettings).cache.host == "redis"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ENVIRONMENT", "development", "expected testing"),
        ("ENVIRONMENT", "testing\r", "expected"),
        ("ENVIRONMENT", "Testing", "expected"),
        ("ENVIRONMENT", '"testing"', "expected"),
        ("ENVIRONMENT", "", "expected"),
        ("TESTING", "false", "expected true"),
        ("TESTING", '"false"', "expected true"),
        ("TESTING", "yes", "expected true"),
        ("DISABLE_EXTERNAL_CALLS", "0", "expected true"),
        ("DATABASE_URL", "postgresql://u:p@127.0.0.1/dashtam", "expected dashtam_test"),
        ("DATABASE_URL", "postgresql://u:p@127.0.0.1/latest", "expected dashtam_test"),
        ("DATABASE_URL", "postgresql://u:p@127.0.0.1/dashtam_testing", "expected dashtam_test"),
        ("DATABASE_URL", "postgresql://u:p@h/dashtam%5Ftest", "percent escapes"),
        ("DATABASE_URL", "postgresql://u:p@prod/dashtam_test", "points to prod"),
        ("DATABASE_URL", "postgresql://u:p@127.0.0.2/dashtam_test", "points to 127.0.0.2"),
        ("DATABASE_URL", "postgresql://u-v:p@127.0.0.1/dashtam_test", "user of a test database"),
        ("REDIS_URL", "redis://:p@127.0.0.1/0", "belongs to development"),
        ("REDIS_URL", "redis://:p@prod/1", "points to prod"),
        ("SMTP_URL", "smtps://u:p@mail.example.com", "points to mail.example.com; expected this machine"),
        ("CLUSTER_IDENTIFIER", "x", "expected"),
        ("DEVELOPMENT_DATABASE", "127.0.0.1:5432/dashtam_test", "expected another"),
    ],
)
def test_the_test_environment_refuses(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    give(monkeypatch, TESTING, {name: value})
    (problem,) = problems(TestSettings)
    assert problem.startswith(f"{name} (from environment): ")
    assert message in problem


@pytest.mark.parametrize(
    "value", ["app", "app:", ":8000", "app:0", "app:65536", "https://app:8000", "a b:1", "[::1]:1"]
)
def test_the_sandbox_server_must_be_a_host_and_a_port(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    give(monkeypatch, TESTING, {"SANDBOX_SERVER": value})
    (problem,) = problems(TestSettings)
    assert problem.startswith("SANDBOX_SERVER (from environment): ")
    monkeypatch.setenv("SANDBOX_SERVER", "App:8000")
    assert load_settings(TestSettings).sandbox_server == ("app", 8000)
    monkeypatch.delenv("SANDBOX_SERVER")
    assert load_settings(TestSettings).sandbox_server is None
