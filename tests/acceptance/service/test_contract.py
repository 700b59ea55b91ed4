"""The API is what its OpenAPI document says: every route that stands in it, whoever added it.

tests/integration/web/openapi/test_document.py sees to it that every route stands in it.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import hypothesis
import pytest

from dashtam.devenv.components import EngineName
from tests.support.contract.caller import Caller
from tests.support.contract.runs import count_operations, read_document, try_contract
from tests.support.people.visitors import PASSWORD
from tests.support.projects.project import ThrowawayProject, throwaway_project

Document = dict[str, Any]

ENGINE: Final = EngineName.EMBEDDED
"""What the API answers does not depend on it, and thousands of cases take minutes."""
CASES: Final = 1_000
CASES_OF_NOBODY: Final = 500
"""Fewer, since most operations refuse whoever has not signed in."""
EMAIL: Final = "root@example.com"
FIRST_IP: Final = "198.18.0.0"
NEIGHBOURS: Final = "127.0.0.0/8,::1,172.16.0.0/12,192.168.0.0/16"
"""Whoever may stand between the tests and the server, on either engine."""
FEW: Final = 20
USUAL: Final = 100
"""What hypothesis draws for a property; a profile that draws more draws more here too."""


@pytest.fixture(name="seed")
def _seed(request: pytest.FixtureRequest) -> int:
    given = request.config.getoption("--hypothesis-seed")
    return int(given) if given is not None else 1


@pytest.fixture(scope="module", name="proxied")
def _proxied(engine: EngineName, folder: Path) -> Iterator[ThrowawayProject]:
    """A project that believes its neighbours who their clients are, so that each case has attempts of its own.

    It is no other file's: nobody's cases use up the attempts of this machine.
    """
    with throwaway_project(engine, folder, "contract") as project:
        with (project.checkout / ".env.example").open("a", encoding="ascii") as example:
            example.write(f"TRUSTED_PROXIES={NEIGHBOURS}\n")
        project.done("up")
        yield project


def test_the_api_is_what_its_document_says(proxied: ThrowawayProject, tmp_path: Path, seed: int) -> None:
    assert_kept(proxied, tmp_path, seed, CASES_OF_NOBODY)


def test_the_api_is_what_its_document_says_for_an_administrator(
    proxied: ThrowawayProject, tmp_path: Path, seed: int
) -> None:
    answers = {"password": PASSWORD, "password again": PASSWORD}
    made = proxied.invoke_answering(answers, "user.create", "--email", EMAIL, "--role", "admin")
    assert made.code == 0, made.output
    url, authority = (
        f"https://localhost:{proxied.ports['APP_PORT']}",
        proxied.home / "certificates" / "ca.pem",
    )
    caller = Caller(url, str(authority), EMAIL, PASSWORD).signed_in(ip=FIRST_IP)
    assert_kept(proxied, tmp_path, seed, CASES, caller)
    assert EMAIL in json.dumps(proxied.ask("SELECT email FROM users WHERE role = 'admin'"))
    assert proxied.done("audit.verify")


def assert_kept(
    project: ThrowawayProject, folder: Path, seed: int, least: int, caller: Caller | None = None
) -> None:
    """No promise of the document is broken, and nothing goes wrong on our side."""
    document = read_document(project)
    cases = least * hypothesis.settings().max_examples // USUAL
    report = try_contract(project, document, folder, cases=cases, seed=seed, caller=caller)
    assert report.code == 0, report.output
    assert report.operations == count_operations(document)
    assert report.cases >= cases
    logged = project.done("logs", "--component", "app", "--tail", "100000")
    assert not [line for line in logged.splitlines() if '"level": "error"' in line]


def answer(document: Document) -> Document:
    response: Document = document["paths"]["/health/live"]["get"]["responses"]["200"]
    return response


def dead(document: Document) -> None:
    answer(document)["content"]["application/json"]["schema"]["properties"]["status"] = {"const": "dead"}


def one_member_too_few(document: Document) -> None:
    answer(document)["content"]["application/json"]["schema"] = {"type": "object", "maxProperties": 0}


def never_200(document: Document) -> None:
    responses = document["paths"]["/health/live"]["get"]["responses"]
    responses["204"] = responses.pop("200")


def another_type(document: Document) -> None:
    answer(document)["content"] = {"text/html": {}}


def another_header(document: Document) -> None:
    answer(document)["headers"]["X-Missing"] = {"required": True, "schema": {"type": "string"}}


def a_wider_limit(document: Document) -> None:
    limit = document["paths"]["/api/v1/providers"]["get"]["parameters"][0]
    limit["schema"]["maximum"] = 100_000


def a_narrower_limit(document: Document) -> None:
    limit = document["paths"]["/api/v1/providers"]["get"]["parameters"][0]
    limit["schema"]["maximum"] = 5


def signed_in_only(document: Document) -> None:
    document["paths"]["/health/live"]["get"]["security"] = [{"bearer": []}]


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        (dead, "JsonSchemaError"),
        (one_member_too_few, "JsonSchemaError"),
        (never_200, "UndefinedStatusCode"),
        (another_type, "UndefinedContentType"),
        (another_header, "MissingHeaders"),
        (a_wider_limit, "RejectedPositiveData"),
        (a_narrower_limit, "AcceptedNegativeData"),
        (signed_in_only, "IgnoredAuth"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_promise_that_does_not_hold_is_found(
    proxied: ThrowawayProject,
    tmp_path: Path,
    broken: Callable[[Document], None],
    found: str,
) -> None:
    document = read_document(proxied)
    broken(document)
    path = "/api/v1/providers" if "limit" in broken.__name__ else "/health/live"
    document["paths"] = {path: document["paths"][path]}
    report = try_contract(proxied, document, tmp_path, cases=FEW, seed=1)
    assert report.code == 1, report.output
    assert found in report.codes, report.output
