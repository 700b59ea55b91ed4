"""Finds the folders of dashtam/providers and builds their adapters; each folder is a provider.

The module `adapter` of a folder defines PROFILE, SETTINGS (its class of settings), and `build`. `build` returns the
adapter, or None if the provider does not exist in this environment. docs/adding-a-provider.md shows an example.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dashtam import providers
from dashtam.errors import NotFound
from dashtam.outgoing import Outgoing
from dashtam.providers.base import Adapter, Profile
from dashtam.providers.errors import NotConfigured, NotConnectable
from dashtam.providers.settings import ProviderSettings, load_provider_settings, secrets_of
from dashtam.settings.model import Settings

Build = Callable[..., Adapter | None]
"""Called as `build(own, settings=settings, outgoing=outgoing)`; `own` holds the provider's settings."""


@dataclass(frozen=True)
class Folder:
    """What the adapter module of a provider defines."""

    profile: Profile
    settings: type[ProviderSettings]
    build: Build


class Registry:
    """The adapters of the providers that exist in this environment, by key."""

    def __init__(self, adapters: Iterable[Adapter]) -> None:
        self._adapters = {adapter.profile.key: adapter for adapter in adapters}

    def find(self, key: str) -> Adapter | None:
        """Return the adapter of a provider; None if there is none."""
        return self._adapters.get(key)

    def get(self, key: str) -> Adapter:
        """Return the adapter of a provider.

        Raises:
            NotFound: no adapter has this key in this environment.
        """
        adapter = self.find(key)
        if adapter is None:
            raise NotFound(f"no adapter has the key {key[:64]!r}")
        return adapter

    def get_usable(self, key: str) -> Adapter:
        """Return the adapter of a provider that this installation can connect to.

        Raises:
            NotConnectable: no adapter has this key in this environment.
            NotConfigured: the settings lack the provider's client id and secret.
        """
        adapter = self.find(key)
        if adapter is None:
            raise NotConnectable(f"this release has no adapter for {key[:64]!r}, or not in this environment")
        if not adapter.is_configured:
            raise NotConfigured(f"the settings of {key} are missing")
        return adapter

    def list_configured(self) -> frozenset[str]:
        """Return the keys of the configured providers."""
        return frozenset(key for key, adapter in self._adapters.items() if adapter.is_configured)


def list_folders() -> list[Folder]:
    """Return every folder of dashtam/providers, in the order of their names.

    Raises:
        TypeError: an adapter module lacks a definition, or its key is not the folder's name.
    """
    names = sorted(found.name for found in pkgutil.iter_modules(providers.__path__) if found.ispkg)
    return [_read_folder(name) for name in names]


def list_profiles() -> list[Profile]:
    """Return the profiles of all providers of this release, independent of the environment."""
    return [folder.profile for folder in list_folders()]


def build_registry(settings: Settings, outgoing: Outgoing) -> Registry:
    """Build the adapters of this environment.

    Raises:
        SettingsError: the settings of a provider are malformed.
        TypeError: see `list_folders`.
    """
    built = [
        folder.build(load_provider_settings(folder.settings), settings=settings, outgoing=outgoing)
        for folder in list_folders()
    ]
    return Registry(adapter for adapter in built if adapter is not None)


def provider_secrets() -> frozenset[str]:
    """Return every secret value in the settings of providers, which logs must never contain.

    Raises:
        SettingsError: the settings of a provider are malformed.
    """
    loaded = [secrets_of(load_provider_settings(folder.settings)) for folder in list_folders()]
    return frozenset[str]().union(*loaded)


def _read_folder(name: str) -> Folder:
    module = importlib.import_module(f"{providers.__name__}.{name}.adapter")
    missing = [word for word in ("PROFILE", "SETTINGS", "build") if not hasattr(module, word)]
    if missing:
        raise TypeError(
            f"{module.__name__} does not define {', '.join(missing)}; docs/adding-a-provider.md shows how"
        )
    folder = Folder(module.PROFILE, module.SETTINGS, module.build)
    if folder.profile.key != name:
        raise TypeError(
            f"{module.__name__} has the key {folder.profile.key!r}; expected {name!r}, its folder"
        )
    return folder
