"""The two objects that hypercorn serves: `app` (port 8000) and `callback` (port 8182).

The one module that acts at import: whoever imports it is the server.
"""

from dashtam.app import create_app, create_callback_app
from dashtam.logs.pipeline import configure_logging
from dashtam.providers.registry import provider_secrets
from dashtam.settings.errors import SettingsError
from dashtam.settings.loading import load_settings, secret_values
from dashtam.settings.model import Settings
from dashtam.web.edge import hypercorn as wire

try:
    settings = load_settings(Settings)
    secrets = secret_values(settings) | provider_secrets()
except SettingsError as error:
    raise SystemExit(f"dashtam cannot start: {error}") from None

wire.install()
configure_logging(settings.LOG_LEVEL, secrets=secrets)
app = create_app(settings)
callback = create_callback_app(settings)
