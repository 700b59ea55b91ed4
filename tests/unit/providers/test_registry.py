"""A provider is a folder."""

import sys
from pathlib import Path

import pytest

from dashtam import providers
from dashtam.errors import NotFound
from dashtam.outgoing import Outgoing
from dashtam.providers.base import Adapter, OAuthAdapter, SecretAdapter
from dashtam.providers.errors import NotConfigured, NotConnectable
from dashtam.providers.registry import Registry, build_registry, list_folders, list_profiles
from dashtam.settings.model import Environment, TestSettings

EXISTING = sorted(path.parent.name for path in Path(next(iter(providers.__path__))).glob("*/adapter.py"))


@pytest.fixture
def registry(settings: TestSettings, monkeypatch: pytest.MonkeyPatch) -> Registry:
    for name in ("SCHWAB_CLIENT_ID", "SCHWAB_CLIENT_SECRET", "ALPACA_CLIENT_ID", "ALPACA_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    return build_registry(settings, Outgoing(settings))


def test_each_folder_is_a_provider_under_its_own_name() -> None:
    assert [profile.key for profile in list_profiles()] == EXISTING
    assert {"alpaca", "alpaca_keys", "sandbox", "schwab", "simplefin"} <= set(EXISTING)


def test_every_adapter_has_exactly_one_way_in_and_fits_the_catalogue(registry: Registry) -> None:
    for key in EXISTING:
        adapter: Adapter = registry.get(key)
        is_oauth = adapter.profile.authorization == "oauth2"
        assert isinstance(adapter, OAuthAdapter) is is_oauth
        assert isinstance(adapter, SecretAdapter) is not is_oauth
        assert adapter.profile.required_scopes <= set(adapter.profile.scopes)
        assert (
            adapter.profile.access_ttl is None or adapter.profile.refresh_margin < adapter.profile.access_ttl
        )


def test_only_what_is_configured_can_be_connected_to(registry: Registry) -> None:
    assert {"alpaca_keys", "sandbox", "simplefin"} <= registry.list_configured()
    assert not {"alpaca", "schwab"} & registry.list_configured()
    with pytest.raises(NotConfigured, match="the settings of schwab are missing") as refused:
        registry.get_usable("schwab")
    assert refused.value.code == "provider_not_configured"
    assert registry.get_usable("sandbox").profile.key == "sandbox"


def test_an_unknown_key_is_not_found(registry: Registry) -> None:
    assert registry.find("bank_of_yesterday") is None
    with pytest.raises(NotFound):
        registry.get("bank_of_yesterday")
    with pytest.raises(NotConnectable):
        registry.get_usable("bank_of_yesterday")


def test_production_has_no_sandbox(settings: TestSettings) -> None:
    production = settings.model_copy(update={"ENVIRONMENT": Environment.PRODUCTION})
    registry = build_registry(production, Outgoing(production))
    assert registry.find("sandbox") is None
    assert "sandbox" not in registry.list_configured()


def test_no_secret_of_an_installation_is_in_a_repr(registry: Registry, settings: TestSettings) -> None:
    shown = repr([vars(registry.get(key)) for key in EXISTING])
    assert all(key.hex() not in shown for key in settings.token_keys.values())
    assert "SecretStr('**" not in shown.replace("SecretStr('**********')", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("PROFILE = 1\n", "does not define SETTINGS, build"),
        (
            "from dashtam.providers.simplefin.adapter import PROFILE, SETTINGS, build\n",
            "has the key 'simplefin'; expected 'halfbank', its folder",
        ),
    ],
)
def test_a_folder_without_a_required_definition_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, message: str
) -> None:
    folder = tmp_path / "halfbank"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "adapter.py").write_text(content)
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(tmp_path)])
    try:
        with pytest.raises(TypeError, match=message):
            list_folders()
    finally:
        for name in [name for name in sys.modules if "halfbank" in name]:
            del sys.modules[name]
