"""Calls reach only the intended server, and their responses are bounded."""

import asyncio
import gzip
import time
from pathlib import Path

import pytest

from dashtam.devenv.project.certificates import Certificates, ensure_certificates
from dashtam.outgoing import CallFailed, Cause, Outgoing, open_outgoing
from dashtam.outgoing.client import USER_AGENT
from dashtam.settings.errors import SettingsError
from dashtam.settings.model import TestSettings
from tests.support.banks.wire_server import Reply, WireServer, wire_server

SECRET = {"Authorization": "Bearer canary-token"}


async def why_failed(call: object) -> Cause:
    assert asyncio.iscoroutine(call)
    with pytest.raises(CallFailed) as failed:
        await call
    assert "canary" not in str(failed.value)
    return failed.value.cause


async def test_a_call_reveals_only_its_user_agent(server: WireServer, outgoing: Outgoing) -> None:
    response = await outgoing.get(f"{server.url}/path?q=1", headers=SECRET)
    assert (response.status, response.json_object()) == (200, {})
    (request,) = server.requests
    assert (request.method, request.target) == ("GET", "/path?q=1")
    assert request.headers == {
        "host": f"localhost:{server.port}",
        "user-agent": USER_AGENT,
        "accept": "application/json",
        "accept-encoding": "identity",
        "connection": "keep-alive",
        "authorization": "Bearer canary-token",
    }


async def test_connections_are_kept_open(server: WireServer, outgoing: Outgoing) -> None:
    for _ in range(3):
        await outgoing.get(server.url, headers={})
    assert server.connections == 1


async def test_no_cookie_is_kept(server: WireServer, outgoing: Outgoing) -> None:
    server.handler = lambda _: Reply(headers={"Set-Cookie": "track=canary; Path=/"})
    for _ in range(2):
        await outgoing.get(server.url, headers={})
    assert all("cookie" not in request.headers for request in server.requests)


async def test_no_proxy_and_no_netrc_of_the_environment_is_used(
    server: WireServer, outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine localhost login canary password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    await outgoing.get(server.url, headers={})
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_post_follows_no_redirect(
    server: WireServer, stranger: WireServer, outgoing: Outgoing, status: int
) -> None:
    for location in (f"{server.url}/again", f"{stranger.url}/token"):
        server.handler = lambda _, to=location: Reply(status, headers={"Location": to})  # type: ignore[misc]
        response = await outgoing.post(server.url, body="code=canary", headers=SECRET)
        assert response.is_redirect
    assert len(server.requests) == 2
    assert stranger.connections == 0


async def test_a_get_follows_a_redirect_within_its_host(server: WireServer, outgoing: Outgoing) -> None:
    server.handler = lambda request: (
        Reply(302, headers={"Location": "/new?x=1"}) if request.path == "/old" else Reply(body=b'{"new": 1}')
    )
    response = await outgoing.get(f"{server.url}/old", headers=SECRET)
    assert response.json_object() == {"new": 1}
    assert server.requests[1].headers["authorization"] == "Bearer canary-token"


@pytest.mark.parametrize(
    "shape",
    [
        *("https://localhost:{stranger}/", "//localhost:{stranger}/", "https://127.0.0.1:{server}/"),
        *("http://localhost:{server}/", "https://user:pass@localhost:{server}/", "https://evil.example.com/"),
        *(
            "https://localhost:{server}@127.0.0.1:{stranger}/",
            "https://localhost:notaport/",
            "ftp://localhost/",
        ),
    ],
)
async def test_no_credential_is_carried_to_another_host(
    server: WireServer, stranger: WireServer, outgoing: Outgoing, shape: str
) -> None:
    location = shape.format(server=server.port, stranger=stranger.port)
    server.handler = lambda _: Reply(302, headers={"Location": location})
    assert await why_failed(outgoing.get(server.url, headers=SECRET)) is Cause.REDIRECTED
    assert stranger.connections == 0
    assert len(server.requests) == 1


async def test_a_redirect_loop_ends(server: WireServer, outgoing: Outgoing) -> None:
    server.handler = lambda _: Reply(302, headers={"Location": "/round"})
    assert await why_failed(outgoing.get(server.url, headers=SECRET)) is Cause.REDIRECTED
    assert len(server.requests) == 4


async def test_a_response_of_fifty_megabytes_is_cut_off(server: WireServer, outgoing: Outgoing) -> None:
    server.handler = lambda _: Reply(body=b" " * 65_536, repeats=800)
    assert await why_failed(outgoing.post(server.url, body="", headers={})) is Cause.TOO_LARGE
    await asyncio.sleep(0)
    assert server.bytes_sent < 20_000_000
    assert await why_failed(outgoing.get(server.url, headers={}, max_bytes=10)) is Cause.TOO_LARGE


async def test_a_response_of_exactly_the_limit_is_read(server: WireServer, outgoing: Outgoing) -> None:
    server.handler = lambda _: Reply(body=b"x" * 1000)
    assert len((await outgoing.get(server.url, headers={}, max_bytes=1000)).body) == 1000
    assert await why_failed(outgoing.get(server.url, headers={}, max_bytes=999)) is Cause.TOO_LARGE


async def test_a_compressed_response_is_refused(server: WireServer, outgoing: Outgoing) -> None:
    packed = gzip.compress(b" " * 50_000_000)
    server.handler = lambda _: Reply(body=packed, headers={"Content-Encoding": "gzip"})
    assert await why_failed(outgoing.get(server.url, headers={})) is Cause.TOO_LARGE


async def test_a_slow_server_is_abandoned(server: WireServer, trusting: TestSettings) -> None:
    hurried = Outgoing(trusting, seconds=0.3)
    server.handler = lambda _: Reply(delay=5)
    began = time.perf_counter()
    assert await why_failed(hurried.post(server.url, body="code=canary", headers={})) is Cause.LOST
    assert time.perf_counter() - began < 2
    await hurried.close()
    assert len(server.requests) == 1


@pytest.mark.parametrize("after", [0, 5])
async def test_a_call_is_not_repeated_after_a_broken_connection(
    server: WireServer, outgoing: Outgoing, after: int
) -> None:
    server.handler = lambda _: Reply(body=b"0123456789", hangs_up_after=after)
    assert await why_failed(outgoing.post(server.url, body="code=canary", headers={})) is Cause.LOST
    assert len(server.requests) == 1


async def test_an_unreachable_server_was_sent_nothing(outgoing: Outgoing) -> None:
    assert await why_failed(outgoing.get("https://localhost:1/canary", headers={})) is Cause.UNREACHABLE


async def test_a_certificate_of_another_authority_is_not_trusted(tmp_path: Path, outgoing: Outgoing) -> None:
    ensure_certificates(tmp_path)
    async with wire_server(lambda _: Reply(), Certificates(tmp_path)) as impostor:
        assert (
            await why_failed(outgoing.post(impostor.url, body="code=canary", headers={})) is Cause.UNTRUSTED
        )
    assert not impostor.requests


async def test_plain_http_is_refused(outgoing: Outgoing) -> None:
    assert await why_failed(outgoing.get("http://localhost/canary", headers={})) is Cause.REFUSED


@pytest.mark.parametrize(
    "url", ["https://example.com/canary", "https://192.0.2.1/", "https://[2001:db8::1]/"]
)
async def test_the_testing_environment_does_not_leave_this_machine(trusting: TestSettings, url: str) -> None:
    async def look_up(host: str, _port: int) -> list[str]:
        return ["93.184.215.14" if host == "example.com" else host]

    fenced = Outgoing(trusting, look_up=look_up)
    assert await why_failed(fenced.get(url, headers={})) is Cause.REFUSED
    await fenced.close()


async def test_a_log_entry_names_only_the_host(
    server: WireServer, outgoing: Outgoing, capsys: pytest.CaptureFixture[str]
) -> None:
    await outgoing.post(f"{server.url}/claim/canary?token=canary", body="code=canary", headers=SECRET)
    shown = capsys.readouterr()
    assert "localhost" in shown.out + shown.err
    assert "canary" not in shown.out + shown.err


@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
async def test_an_unusable_file_of_authorities_is_a_settings_error(
    trusting: TestSettings, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    wrong = trusting.model_copy(update={"EXTRA_CA_FILE": str(path)})
    with pytest.raises(SettingsError, match="EXTRA_CA_FILE"):
        async with open_outgoing(wrong):
            pass
