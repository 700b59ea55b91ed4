"""The only client for calls to other services: verified TLS, and limits on time, size and destination.

It ignores proxies and credentials of the environment, stores no cookies, and decompresses nothing, so that the size
limit holds. Only a GET follows redirects, and only within one host.
"""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from dashtam import __version__
from dashtam.logs.pipeline import get_logger
from dashtam.outgoing.errors import CallFailed, Cause
from dashtam.outgoing.network import Fence, Judge, LookUp, Network, ask_system
from dashtam.outgoing.reachable import IpAddress, find_wrong, is_public
from dashtam.outgoing.responses import Response
from dashtam.outgoing.transport import Transport, trust_of
from dashtam.settings.errors import SettingsError
from dashtam.settings.model import Environment, Settings

USER_AGENT: Final = f"Dashtam/{__version__}"
MAX_BYTES: Final = 1_048_576
"""The default maximum size of a response body."""
_MAX_REDIRECTS: Final = 3
_SECONDS: Final = 20.0
_STEP: Final = httpx.Timeout(10.0, connect=5.0)
_UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_log = get_logger(__name__)


class Outgoing:
    """Calls other services over HTTPS; one instance lives as long as its process.

    Every method raises CallFailed if no response arrives. A response of any status is returned.
    """

    def __init__(
        self, settings: Settings, *, seconds: float = _SECONDS, look_up: LookUp = ask_system
    ) -> None:
        self._settings = settings
        self._look_up = look_up
        self._seconds = seconds
        self._is_fenced = settings.ENVIRONMENT is Environment.TESTING
        self._opened: list[httpx.AsyncClient] = []

    @property
    def allows_local(self) -> bool:
        """Whether a URL from a user may lead to this machine: in development and testing, never in production."""
        return self._settings.ENVIRONMENT is not Environment.PRODUCTION

    async def get(
        self, url: str, *, headers: Mapping[str, str], max_bytes: int = MAX_BYTES, is_from_user: bool = False
    ) -> Response:
        """Send a GET; redirects are followed only within the same host, because headers may hold credentials.

        `is_from_user`: the URL came from a user, so it must lead to the public Internet.

        Raises:
            CallFailed: no response arrived; `cause` says why.
        """
        origin, at = _origin(url), httpx.URL(url)
        for _ in range(_MAX_REDIRECTS + 1):
            response = await self._send("GET", str(at), headers, b"", max_bytes, is_from_user)
            if not response.is_redirect or "location" not in response.headers:
                return response
            try:
                at = at.join(response.headers["location"])
                is_elsewhere = _origin(str(at)) != origin or bool(at.userinfo)
            except (httpx.InvalidURL, ValueError):
                is_elsewhere = True
            if is_elsewhere:
                raise CallFailed(f"{at.host}: redirects to another host", cause=Cause.REDIRECTED)
        raise CallFailed(f"{at.host}: redirects {_MAX_REDIRECTS} times", cause=Cause.REDIRECTED)

    async def post(
        self,
        url: str,
        *,
        body: str,
        headers: Mapping[str, str],
        max_bytes: int = MAX_BYTES,
        is_from_user: bool = False,
    ) -> Response:
        """Send a form once: the call is never repeated, and redirects are never followed.

        Raises:
            CallFailed: no response arrived; `cause` says why.
        """
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        return await self._send("POST", url, {**kind, **headers}, body.encode(), max_bytes, is_from_user)

    async def close(self) -> None:
        """Close every connection."""
        for client in self._opened:
            await client.aclose()

    async def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        max_bytes: int,
        is_from_user: bool,
    ) -> Response:
        host, started = urlsplit(url).hostname or "", time.perf_counter()
        if is_from_user and (wrong := find_wrong(url, allows_local=self.allows_local)):
            raise CallFailed(f"a URL from a user is refused: {wrong}", cause=Cause.REFUSED)
        if urlsplit(url).scheme != "https":
            raise CallFailed(
                f"{host}: the scheme is {urlsplit(url).scheme!r}; expected https", cause=Cause.REFUSED
            )
        client = self._user_client if is_from_user else self._settings_client
        outcome: str = "no response"
        try:
            async with asyncio.timeout(self._seconds):
                response = await _read(client, method, url, headers, body, max_bytes)
        except CallFailed as known:
            outcome = known.cause
            raise
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            failure = _failure(host, error)
            outcome = failure.cause
            raise failure from None  # the library's error quotes the URL
        else:
            outcome = str(response.status)
            return response
        finally:
            # Only the host of the URL: the path may be a secret, and the query often is.
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            _log.info("call", method=method, host=host, outcome=outcome, milliseconds=milliseconds)

    @cached_property
    def _settings_client(self) -> httpx.AsyncClient:
        return self._open(self._fence if self._is_fenced else _trusting)

    @cached_property
    def _user_client(self) -> httpx.AsyncClient:
        if self._is_fenced:
            return self._open(self._fence)
        return self._open(_public_or_local if self.allows_local else _public)

    @property
    def _fence(self) -> Judge:
        settings = self._settings
        components = {settings.database.host, settings.cache.host}
        return Fence(components | ({settings.sandbox_server[0]} if settings.sandbox_server else set()))

    def _open(self, judge: Judge) -> httpx.AsyncClient:
        instead = {}
        if self._settings.sandbox_server is not None:
            parts = urlsplit(self._settings.APP_URL)
            instead[(parts.hostname or "", parts.port or 443)] = self._settings.sandbox_server
        client = httpx.AsyncClient(
            transport=Transport(
                Network(judge, instead=instead, look_up=self._look_up), trust_of(self._settings.EXTRA_CA_FILE)
            ),
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=_STEP,
            follow_redirects=False,
            trust_env=False,
        )
        self._opened.append(client)
        return client


def basic(user: str, password: SecretStr) -> dict[str, str]:
    """Build the header of HTTP Basic authentication (RFC 7617)."""
    pair = f"{user}:{password.get_secret_value()}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def bearer(token: SecretStr) -> dict[str, str]:
    """Build the header that carries an access token (RFC 6750, 2.1)."""
    return {"Authorization": f"Bearer {token.get_secret_value()}"}


@asynccontextmanager
async def open_outgoing(settings: Settings) -> AsyncIterator[Outgoing]:
    """Open the client of a process; it connects at the first call.

    Raises:
        SettingsError: EXTRA_CA_FILE is unreadable or holds no certificate.
    """
    if settings.EXTRA_CA_FILE:
        try:
            trust_of(settings.EXTRA_CA_FILE)
        except OSError as error:
            reason = error.strerror or "it holds no certificate"
            raise SettingsError(
                [f"EXTRA_CA_FILE: {settings.EXTRA_CA_FILE}: {reason}; expected a file of PEM certificates"]
            ) from None
    outgoing = Outgoing(settings)
    try:
        yield outgoing
    finally:
        await outgoing.close()


async def _read(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    max_bytes: int,
) -> Response:
    began_at = datetime.now(UTC)
    # A POST without a body has Content-Length: 0 (SimpleFIN requires it); httpx adds that itself.
    async with client.stream(method, url, headers=headers, content=body or None) as response:
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise CallFailed("the response is compressed; expected identity", cause=Cause.TOO_LARGE)
        parts, size = [], 0
        async for part in response.aiter_raw():
            size += len(part)
            if size > max_bytes:
                raise CallFailed(f"the response is larger than {max_bytes} bytes", cause=Cause.TOO_LARGE)
            parts.append(part)
    named = {name.lower(): value for name, value in response.headers.items()}
    return Response(response.status_code, named, b"".join(parts), began_at)


def _failure(host: str, error: Exception) -> CallFailed:
    kind = type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in str(error) or "certificate verify failed" in str(error):
        return CallFailed(f"{host}: its certificate does not verify", cause=Cause.UNTRUSTED)
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return CallFailed(f"{host}: the URL is not valid", cause=Cause.REFUSED)
    if isinstance(error, _UNSENT):
        return CallFailed(f"{host}: cannot be reached ({kind})", cause=Cause.UNREACHABLE)
    if isinstance(error, httpx.RemoteProtocolError) and "location header" in str(error):
        return CallFailed(f"{host}: redirects to an invalid URL", cause=Cause.REDIRECTED)
    return CallFailed(f"{host}: no complete response ({kind})", cause=Cause.LOST)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or 443


def _trusting(_host: str, _address: IpAddress) -> str | None:
    """Accept every address: hosts of the settings and the adapters may be on the operator's own network."""
    return None


def _public(_host: str, address: IpAddress) -> str | None:
    return None if is_public(address) else "it has an address that is not public"


def _public_or_local(host: str, address: IpAddress) -> str | None:
    if address.is_loopback and host in {"localhost", "127.0.0.1"}:
        return None
    return _public(host, address)
