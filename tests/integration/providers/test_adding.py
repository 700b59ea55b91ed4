"""Every step of docs/adding-a-provider.md works, in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import CHECKOUT

PAGE = CHECKOUT / "docs" / "adding-a-provider.md"
LEFT = (
    ".git",
    ".env",
    "*_cache",
    "__pycache__",
    "*.egg-info",
    ".coverage*",
    ".hypothesis",
    "node_modules",
    "venv",
    ".venv",
)


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"the page has no {language} block"
    return found


def write_files(copy: Path) -> list[str]:
    """Write each block of Python to the file that its first line names."""
    names = []
    for block in blocks("python"):
        first, _, text = block.partition("\n")
        names.append(first.removeprefix("# "))
        path = copy / names[-1]
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return names


def document_settings(copy: Path) -> None:
    """Insert the row of the page into the README's table of settings."""
    (row,) = blocks("markdown")
    page = copy / "docs" / "configuration.md"
    before, rest = page.read_text().split("| `ALPACA_CLIENT_ID`", 1)
    page.write_text(f"{before}{row}| `ALPACA_CLIENT_ID`{rest}")


def run(copy: Path, command: str) -> subprocess.CompletedProcess[str]:
    words = command.removeprefix("$ ").split()
    assert words[0] == "python"
    return subprocess.run(
        [sys.executable, *words[1:], "-p", "no:cacheprovider"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    target = tmp_path / "dashtam-copy"
    shutil.copytree(CHECKOUT, target, ignore=shutil.ignore_patterns(*LEFT))
    return target


def test_following_the_page_adds_a_provider(copy: Path) -> None:
    names = write_files(copy)
    assert names[:2] == [f"dashtam/providers/examplebank/{name}.py" for name in ("__init__", "adapter")]
    document_settings(copy)
    (console,) = blocks("console")
    for command in console.splitlines():
        done = run(copy, command)
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"\d+ passed", done.stdout)
