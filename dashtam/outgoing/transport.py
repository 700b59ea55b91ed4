"""An httpx transport over httpcore's pool with our own sockets, which httpx's transport does not support."""

import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from functools import lru_cache

import httpcore
import httpx

from dashtam.outgoing.network import Network

_MAX_CONNECTIONS = 100
_IDLE_SECONDS = 20.0


class Transport(httpx.AsyncBaseTransport):
    """Sends httpx requests; a `Network` makes every connection."""

    def __init__(self, network: Network, trust: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trust,
            max_connections=_MAX_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=network,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, and return when the response headers have arrived."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        with _as_httpx():
            response = await self._pool.handle_async_request(
                httpcore.Request(
                    request.method,
                    url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        if not isinstance(response.stream, AsyncIterable):
            raise TypeError(f"httpcore returned a {type(response.stream).__name__}; expected an async stream")
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Stream(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


class _Stream(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for part in self._response.aiter_stream():
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Translate httpcore's exceptions into the httpx exceptions of the same name."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        kind = getattr(httpx, type(error).__name__, httpx.TransportError)
        raise kind(str(error)) from error


@lru_cache(maxsize=8)
def trust_of(authority: str) -> ssl.SSLContext:
    """Return a context that trusts the certificate authorities of this machine and those in the file `authority`.

    The result is cached: reading the machine's authorities takes 0.2 seconds.

    Raises:
        OSError: the file cannot be read, or holds no certificate.
    """
    context = ssl.create_default_context()
    if authority:
        context.load_verify_locations(cafile=authority)
    return context
