"""/api/v1/users/me/second-factor: an authenticator app, and recovery codes for who lost it."""

import time

import pyotp
import pytest
from quart import Response
from tortoise import connections

from dashtam.models import AuditEntry, RecoveryCode, SecondFactor
from dashtam.resources import Resources
from dashtam.sealing.columns import SECOND_FACTOR
from dashtam.sealing.errors import SealError
from tests.support.people.visiting import MakeVisitor
from tests.support.people.visitors import OTHER_PASSWORD, PASSWORD, Postbox, Visitor, problem

ADA, EVE = "ada@example.com", "eve@example.com"
PATH = "users/me/second-factor"


async def begin(ada: Visitor) -> pyotp.TOTP:
    response = await ada.ask("POST", PATH, {"password": PASSWORD})
    assert response.status_code == 201, await response.get_data()
    return pyotp.TOTP((await response.get_json())["secret"])


async def enrol(ada: Visitor) -> tuple[pyotp.TOTP, list[str]]:
    """Take an app into use; its code of this half minute is used up then."""
    totp = await begin(ada)
    response = await ada.ask("POST", f"{PATH}/confirmation", {"one_time_password": totp.now()})
    assert response.status_code == 200, await response.get_data()
    return totp, (await response.get_json())["recovery_codes"]


def coming(totp: pyotp.TOTP) -> str:
    """What the app shows in the next half minute, which a clock that is a little fast shows now."""
    return totp.at(int(time.time()) + 30)


async def try_to_sign_in(ada: Visitor, code: str | None) -> Response:
    body = {"email": ADA, "password": PASSWORD, "one_time_password": code}
    return await Visitor(ada.client).ask("POST", "sessions", body)


async def test_nothing_is_asked_for_until_the_app_has_shown_a_code(signed_in: MakeVisitor) -> None:
    ada = await signed_in(ADA)
    totp = await begin(ada)
    assert (await try_to_sign_in(ada, None)).status_code == 201
    wrong = await ada.ask("POST", f"{PATH}/confirmation", {"one_time_password": "000000"})
    assert await problem(wrong) == (400, "code_refused")
    assert await (await ada.ask("GET", PATH)).get_json() == {"is_on": False, "recovery_codes_left": 0}
    await ada.ask("POST", f"{PATH}/confirmation", {"one_time_password": totp.now()})
    assert await (await ada.ask("GET", PATH)).get_json() == {"is_on": True, "recovery_codes_left": 10}
    assert await problem(await try_to_sign_in(ada, None)) == (401, "second_factor_required")


async def test_a_code_is_taken_once_and_an_older_one_never_again(signed_in: MakeVisitor) -> None:
    ada = await signed_in(ADA)
    totp = await begin(ada)
    used = totp.now()
    await ada.ask("POST", f"{PATH}/confirmation", {"one_time_password": used})
    code = coming(totp)
    assert await problem(await try_to_sign_in(ada, used)) == (401, "sign_in_refused")
    assert (await try_to_sign_in(ada, code)).status_code == 201
    for again in (code, used):
        assert await problem(await try_to_sign_in(ada, again)) == (401, "sign_in_refused")
    reasons = [
        e.details for e in await AuditEntry.filter(action="session.started", outcome="denied", ip=ada.ip)
    ]
    assert reasons == [{"reason": "sign_in_refused"}] * 3


async def test_the_password_comes_first_and_tells_nothing_of_the_factor(signed_in: MakeVisitor) -> None:
    ada = await signed_in(ADA)
    totp, _ = await enrol(ada)
    for code in (None, coming(totp)):
        body = {"email": ADA, "password": OTHER_PASSWORD, "one_time_password": code}
        refused = await Visitor(ada.client).ask("POST", "sessions", body)
        assert await problem(refused) == (401, "sign_in_refused")
    assert (await try_to_sign_in(ada, coming(totp))).status_code == 201


@pytest.mark.parametrize(
    "code",
    ["000000", "", "\uff11\uff12\uff13\uff14\uff15\uff16", "12345", "x" * 64, "ABCDEF-GHIJKL-MNOPQR-STUVWX"],
)
async def test_a_wrong_code_is_refused(signed_in: MakeVisitor, code: str) -> None:
    ada = await signed_in(ADA)
    await enrol(ada)
    assert (await try_to_sign_in(ada, code)).status_code == 401


async def test_a_recovery_code_stands_in_once_however_it_is_typed(signed_in: MakeVisitor) -> None:
    ada = await signed_in(ADA)
    _, codes = await enrol(ada)
    assert len({*codes}) == 10
    for code, typed in ((codes[0], codes[0]), (codes[1], codes[1].lower().replace("-", " "))):
        assert (await try_to_sign_in(ada, typed)).status_code == 201
        assert await problem(await try_to_sign_in(ada, code)) == (401, "sign_in_refused")
    assert (await (await ada.ask("GET", PATH)).get_json())["recovery_codes_left"] == 8
    assert await AuditEntry.filter(action="recovery_code.used").count() == 2


async def test_somebody_elses_recovery_code_is_none(signed_in: MakeVisitor) -> None:
    ada, eve = await signed_in(ADA), await signed_in(EVE)
    await enrol(ada)
    _, codes = await enrol(eve)
    assert await problem(await try_to_sign_in(ada, codes[0])) == (401, "sign_in_refused")
    assert await RecoveryCode.all().count() == 20


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "users/me/password", {"new_password": OTHER_PASSWORD}),
        ("POST", "users/me/deletion", {}),
        ("POST", "personal-tokens", {"name": "script"}),
        ("POST", f"{PATH}/recovery-codes", {}),
        ("POST", f"{PATH}/removal", {}),
    ],
)
async def test_what_matters_asks_for_the_factor_too(
    signed_in: MakeVisitor, method: str, path: str, body: dict[str, str]
) -> None:
    ada = await signed_in(ADA)
    totp, _ = await enrol(ada)
    refused = await ada.ask(method, path, {**body, "password": PASSWORD})
    assert await problem(refused) == (401, "second_factor_required")
    body = {**body, "password": PASSWORD, "one_time_password": coming(totp)}
    assert (await ada.ask(method, path, body)).status_code in {200, 201, 204}


async def test_fresh_recovery_codes_stand_in_the_place_of_those_that_are_left(signed_in: MakeVisitor) -> None:
    ada = await signed_in(ADA)
    totp, old = await enrol(ada)
    proof = {"password": PASSWORD, "one_time_password": coming(totp)}
    renewed = await ada.ask("POST", f"{PATH}/recovery-codes", proof)
    fresh = (await renewed.get_json())["recovery_codes"]
    assert (renewed.status_code, len({*old, *fresh})) == (200, 20)
    assert await problem(await try_to_sign_in(ada, old[0])) == (401, "sign_in_refused")
    assert (await try_to_sign_in(ada, fresh[0])).status_code == 201
    assert (await AuditEntry.get(action="recovery_codes.renewed", ip=ada.ip)).outcome == "succeeded"


async def test_recovery_codes_stand_in_for_an_app_that_there_is(signed_in: MakeVisitor) -> None:
    ada = await signed_in(ADA)
    refused = await ada.ask("POST", f"{PATH}/recovery-codes", {"password": PASSWORD})
    assert await problem(refused) == (400, "invalid_request")
    assert not await RecoveryCode.all().exists()


async def test_a_factor_that_is_on_is_not_replaced_but_removed(signed_in: MakeVisitor) -> None:
    ada = await signed_in(ADA)
    totp, codes = await enrol(ada)
    body = {"password": PASSWORD, "one_time_password": codes[0]}
    assert await problem(await ada.ask("POST", PATH, body)) == (400, "invalid_request")
    removal = {"password": PASSWORD, "one_time_password": coming(totp)}
    assert (await ada.ask("POST", f"{PATH}/removal", removal)).status_code == 204
    assert not await RecoveryCode.all().exists()
    assert (await try_to_sign_in(ada, None)).status_code == 201
    await enrol(ada)


async def test_the_secret_is_sealed_and_bound_to_its_row(
    signed_in: MakeVisitor, resources: Resources
) -> None:
    ada, eve = await signed_in(ADA), await signed_in(EVE)
    totp, codes = await enrol(ada)
    await enrol(eve)
    for table in ("second_factors", "recovery_codes", "provider_audit_logs"):
        rows = await connections.get("default").execute_query_dict(f"SELECT t::text AS row FROM {table} t")
        for secret in (totp.secret, *codes):
            assert not [r for r in rows if secret in r["row"] or secret.encode().hex() in r["row"]]
    stolen = await SecondFactor.get(user__email=ADA)
    eves = await SecondFactor.get(user__email=EVE)
    with pytest.raises(SealError):
        await resources.keys.open(stolen.secret_sealed, context=SECOND_FACTOR.context(eves.id, eves.user_id))


async def test_a_reset_by_letter_leaves_the_factor_on(signed_in: MakeVisitor, postbox: Postbox) -> None:
    ada = await signed_in(ADA)
    totp, _ = await enrol(ada)
    nobody = Visitor(ada.client)
    await nobody.ask("POST", "users/password-resets", {"email": ADA})
    body = {"code": postbox.code(ADA), "new_password": OTHER_PASSWORD}
    assert (await nobody.ask("POST", "users/password-resets/completions", body)).status_code == 200
    sign_in = {"email": ADA, "password": OTHER_PASSWORD}
    assert await problem(await nobody.ask("POST", "sessions", sign_in)) == (401, "second_factor_required")
    await nobody.sign_in(ADA, OTHER_PASSWORD, one_time_password=coming(totp))
