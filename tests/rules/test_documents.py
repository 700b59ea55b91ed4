"""What the documents promise exists, and what exists is documented."""

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from dashtam.providers.registry import list_folders
from dashtam.settings.model import Settings, TestSettings
from tests.support.checkout import CHECKOUT

DOCUMENTS = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
# Written by the first `invoke up`, so absent from a fresh checkout.
MADE_LATER = {".env"}


def tracked_text_files() -> list[Path]:
    """Everything that a checkout holds, but caches and what tools made."""
    made = {".git", ".env", "__pycache__", ".venv", "venv", "node_modules"}
    return [
        path
        for path in CHECKOUT.rglob("*")
        if path.is_file()
        and not made & set(path.relative_to(CHECKOUT).parts)
        and not any(part.endswith(("_cache", ".egg-info")) for part in path.parts)
        and path.suffix
        in {".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".json", ".sh", ".sql", ".example", ".test", ""}
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text()
    linked = {link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link}
    missing = [link for link in linked if not (document.parent / link).exists()]
    roots = r"(?:dashtam|tests|docs|docker|migrations|benchmarks|\.ci|\.github|\.devcontainer)"
    quoted = set(re.findall(rf"`({roots}/[\w./-]*)`", text)) | set(
        re.findall(r"`([\w.-]+\.(?:py|toml|yml|txt|md))`", text)
    )
    everywhere = {path.name for path in CHECKOUT.rglob("*.py")} | {path.name for path in CHECKOUT.iterdir()}
    missing += [
        path
        for path in quoted - MADE_LATER
        if not (CHECKOUT / path).exists() and Path(path).name not in everywhere
    ]
    assert not missing


def test_every_setting_is_documented() -> None:
    documented = set(re.findall(r"`([A-Z][A-Z_]+)`", (CHECKOUT / "docs" / "configuration.md").read_text()))
    in_files = {name for file in (".env.example", ".env.test") for name in dotenv_values(CHECKOUT / file)}
    own = {
        folder.settings.model_config.get("env_prefix", "") + name
        for folder in list_folders()
        for name in folder.settings.model_fields
    }
    assert {*Settings.model_fields, *TestSettings.model_fields, *own, *in_files} <= documented


def test_constraints_pin_names_and_versions_only() -> None:
    lines = (CHECKOUT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert [
        line for line in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+( ; .+)?", line)
    ] == []


def test_no_file_names_the_host_of_a_package_registry() -> None:
    hosts = re.compile(
        "|".join(("py" + r"pi\.org", "python" + r"hosted\.org", r"registry\.npm" + "js", r"deb\.deb" + "ian"))
    )
    assert [
        str(path) for path in tracked_text_files() if hosts.search(path.read_text(errors="replace"))
    ] == []
