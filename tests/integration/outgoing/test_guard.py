"""A URL from a user reaches only servers of the public Internet."""

import pytest
from pydantic import SecretStr

from dashtam.outgoing import CallFailed, Cause, Outgoing
from dashtam.settings.model import Environment, TestSettings
from tests.support.banks.wire_server import Reply, WireServer
from tests.support.network import ExternalCall

NAME = "bank.example.com"


class Names:
    """A DNS server that changes its responses: each look-up of a name gets the next one."""

    def __init__(self, *responses: list[str]) -> None:
        self.responses = list(responses)
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        return self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]


def in_production(settings: TestSettings, names: Names) -> Outgoing:
    return Outgoing(
        settings.model_copy(update={"ENVIRONMENT": Environment.PRODUCTION, "SMTP_URL": SecretStr("")}),
        look_up=names,
    )


async def post(outgoing: Outgoing, url: str) -> Cause:
    with pytest.raises(CallFailed) as failed:
        await outgoing.post(url, body="", headers={}, is_from_user=True)
    await outgoing.close()
    assert "canary" not in str(failed.value)
    return failed.value.cause


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "::1", "10.1.2.3", "169.254.169.254", "fe80::1%1", "fd00::1", "::ffff:127.0.0.1"),
        *("64:ff9b::7f00:1", "0.0.0.0", "224.0.0.1", "100.100.100.200", "2002:7f00:1::"),
    ],
)
async def test_a_name_with_an_inner_address_is_refused(
    trusting: TestSettings, server: WireServer, address: str
) -> None:
    names = Names([address])
    assert await post(in_production(trusting, names), f"https://{NAME}:{server.port}/canary") is Cause.REFUSED
    assert names.asked == [NAME]
    assert server.connections == 0


async def test_one_inner_address_among_public_ones_refuses_the_name(
    trusting: TestSettings, server: WireServer
) -> None:
    names = Names(["93.184.215.14", "127.0.0.1"])
    assert await post(in_production(trusting, names), f"https://{NAME}:{server.port}/canary") is Cause.REFUSED
    assert server.connections == 0


async def test_the_judged_address_is_the_one_that_is_connected_to(
    trusting: TestSettings, server: WireServer
) -> None:
    """A name that resolves to this machine from the second look-up on is looked up only once.

    The fence of the tests refuses the connection to the public address, so nothing leaves the machine.
    """
    names = Names(["93.184.215.14"], ["127.0.0.1"])
    outgoing = in_production(trusting, names)
    with pytest.raises(ExceptionGroup) as group:
        await outgoing.post(f"https://{NAME}:{server.port}/canary", body="", headers={}, is_from_user=True)
    await outgoing.close()
    (reached,) = group.value.exceptions
    assert isinstance(reached, ExternalCall)
    assert str(reached).startswith("93.184.215.14 ")
    assert names.asked == [NAME]
    assert server.connections == 0


@pytest.mark.parametrize(
    "shape", ["https://localhost:{port}/", "https://127.0.0.1:{port}/", "https://u:p@localhost:{port}/"]
)
async def test_production_does_not_call_this_machine_for_a_user(
    trusting: TestSettings, server: WireServer, shape: str
) -> None:
    names = Names(["127.0.0.1"])
    assert await post(in_production(trusting, names), shape.format(port=server.port)) is Cause.REFUSED
    assert not names.asked
    assert server.connections == 0


async def test_development_calls_this_machine_by_name_and_no_other(
    trusting: TestSettings, server: WireServer
) -> None:
    settings = trusting.model_copy(update={"ENVIRONMENT": Environment.DEVELOPMENT})
    outgoing = Outgoing(settings, look_up=Names(["127.0.0.1"]))
    response = await outgoing.post(f"{server.url}/claim", body="", headers={}, is_from_user=True)
    assert response.status == 200
    assert server.requests[0].headers["content-length"] == "0"
    assert await post(outgoing, f"https://{NAME}:{server.port}/canary") is Cause.REFUSED


async def test_a_redirect_leads_a_users_url_nowhere_else(
    trusting: TestSettings, server: WireServer, stranger: WireServer
) -> None:
    server.handler = lambda _: Reply(307, headers={"Location": f"{stranger.url}/"})
    outgoing = Outgoing(trusting)
    assert (await outgoing.post(server.url, body="", headers={}, is_from_user=True)).is_redirect
    with pytest.raises(CallFailed):
        await outgoing.get(server.url, headers={}, is_from_user=True)
    await outgoing.close()
    assert stranger.connections == 0
