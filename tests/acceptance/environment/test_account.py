"""On a new machine, root's first verbs make the user that PostgreSQL and Redis run as."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from dashtam.devenv.engines.embedded.account import ACCOUNT_NAME
from tests.support.checkout import CHECKOUT

_IN_OWN_ETC: Final = 'mount --bind "$1" /etc && shift && exec "$@"'
_AT_ONCE: Final = """
from multiprocessing import get_context

from dashtam.devenv.engines.embedded.account import ensure_account

context = get_context("fork")
start = context.Barrier(8)


def ask(number):
    start.wait()
    return ensure_account()


with context.Pool(8) as pool:
    print(*pool.map(ask, range(8), chunksize=1), sep="\\n")
"""


@pytest.mark.skipif(
    os.getuid() != 0 or not sys.platform.startswith("linux"),
    reason="only root makes users, and Linux a /etc apart",
)
def test_verbs_that_begin_at_once_on_a_new_machine_agree_on_the_user(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    shutil.copytree("/etc", etc, symlinks=True)
    for name in ("passwd", "group", "shadow", "gshadow"):
        lines = (etc / name).read_text().splitlines(keepends=True)
        (etc / name).write_text("".join(line for line in lines if not line.startswith(f"{ACCOUNT_NAME}:")))

    apart = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _IN_OWN_ETC, "sh", str(etc)]
    answer = subprocess.run(
        [*apart, sys.executable, "-c", _AT_ONCE], capture_output=True, text=True, cwd=CHECKOUT, check=True
    )

    told = answer.stdout.splitlines()
    assert len(told) == 8, answer.stderr
    assert len(set(told)) == 1, answer.stdout
    assert f"{ACCOUNT_NAME}:" in (etc / "passwd").read_text()
