"""The settings of a provider come from the same places as all others, and are refused with the same messages."""

import os
from pathlib import Path

import pytest

from dashtam.providers.registry import provider_secrets
from dashtam.providers.schwab.adapter import SchwabSettings
from dashtam.providers.settings import load_provider_settings, secrets_of
from dashtam.settings.errors import SettingsError


@pytest.fixture(autouse=True)
def _bare_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith(("SCHWAB_", "ALPACA_", "DASHTAM_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def problems() -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_provider_settings(SchwabSettings)
    return list(caught.value.problems)


def test_no_setting_is_required() -> None:
    settings = load_provider_settings(SchwabSettings)
    assert (settings.CLIENT_ID, settings.secrets) == ("", ())
    assert settings.API_URL == "https://api.schwabapi.com"


def test_variables_override_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(
        "SCHWAB_CLIENT_ID=of-the-file\nSCHWAB_CLIENT_SECRET=canary-1\nCLIENT_ID=somebody-elses\n"
    )
    assert load_provider_settings(SchwabSettings).CLIENT_ID == "of-the-file"
    monkeypatch.setenv("SCHWAB_CLIENT_ID", "of-the-shell")
    settings = load_provider_settings(SchwabSettings)
    assert settings.CLIENT_ID == "of-the-shell"
    assert "canary" not in repr(settings)


def test_two_secrets_are_used_in_turn_and_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHWAB_CLIENT_ID", "id")
    monkeypatch.setenv("SCHWAB_CLIENT_SECRET", "canary-1")
    monkeypatch.setenv("SCHWAB_CLIENT_SECRET_NEXT", "canary-2")
    settings = load_provider_settings(SchwabSettings)
    assert [secret.get_secret_value() for secret in settings.secrets] == ["canary-1", "canary-2"]
    assert secrets_of(settings) == {"canary-1", "canary-2"} == provider_secrets()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"CLIENT_ID": "id"}, "SCHWAB_CLIENT_SECRET is missing"),
        ({"CLIENT_SECRET": "canary"}, "SCHWAB_CLIENT_ID is missing"),
        ({"CLIENT_ID": "id", "CLIENT_SECRET": "canary with blanks"}, "holds blanks"),
        ({"CLIENT_ID": "a b"}, "SCHWAB_CLIENT_ID (from environment): expected to match"),
        ({"API_URL": "http://api.schwabapi.com"}, "SCHWAB_API_URL (from environment): expected to match"),
        ({"CLIENT_ID": "id", "CLIENT_SECRET": "canary" * 300}, "SCHWAB_CLIENT_SECRET (from environment)"),
    ],
)
def test_a_malformed_setting_is_named_and_never_quoted(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"SCHWAB_{name}", value)
    (problem,) = problems()
    assert expected in problem
    assert "canary" not in problem
