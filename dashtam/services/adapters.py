"""Which adapter a connection can be made with."""

from dashtam.providers.base import Adapter
from dashtam.providers.failures import NotConfigured, NotConnectable
from dashtam.providers.registry import Registry


def usable_adapter(registry: Registry, key: str) -> Adapter:
    """The adapter of a provider that this installation can connect to.

    Raises:
        NotConnectable: there is no adapter.
        NotConfigured: the settings lack what the provider asks of an installation.
    """
    adapter = registry.find(key)
    if adapter is None:
        raise NotConnectable(f"this release has no adapter for {key}, or not in this environment")
    if not adapter.is_configured:
        raise NotConfigured(f"the settings of {key} are missing")
    return adapter
