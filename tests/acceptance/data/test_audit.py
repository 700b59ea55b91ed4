"""`invoke audit.verify`: what it says of an untouched audit trail, and of one that the superuser changed."""

from urllib.error import HTTPError

import pytest

from tests.support.makers.chains import unguarded
from tests.support.projects.project import ThrowawayProject
from tests.support.servers.superuser import run_as_superuser

CHANGE = "UPDATE provider_audit_logs SET actor = {} WHERE sequence = 2"


def change(project: ThrowawayProject, sql: str) -> None:
    answer = run_as_superuser(project, unguarded(sql), database="dashtam")
    assert answer.returncode == 0, answer.stderr


def test_the_verb_finds_what_was_changed_and_names_the_entry(development: ThrowawayProject) -> None:
    with pytest.raises(HTTPError, match="400") as refused:  # and audited
        development.fetch("/callback/schwab", port="CALLBACK_PORT")
    refused.value.close()
    whole = development.done("audit.verify")
    assert "none is missing" in whole
    anchor = whole.rpartition("anchor=")[2].split()[0]
    assert development.invoke("audit.verify", "--expect", anchor).code == 0
    assert development.invoke("audit.verify", "--since", anchor).code == 0
    ((actor,),) = development.ask("SELECT actor FROM provider_audit_logs WHERE sequence = 2")
    change(development, CHANGE.format("'nobody'"))
    damaged = development.invoke("audit.verify")
    change(development, CHANGE.format(f"'{actor}'"))
    assert damaged.code == 1, damaged.output
    assert "  entry 2 (id " in damaged.output
    assert development.invoke("audit.verify").code == 0
    misused = development.invoke("audit.verify", "--expect", anchor, "--since", anchor)
    assert misused.code == 2, misused.output
