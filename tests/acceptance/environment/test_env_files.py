"""What our reader of env files accepts, Docker Compose reads as the same values."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given

from dashtam.devenv.errors import EnvironmentMisused
from dashtam.devenv.project.env_files import read_env_file
from tests.support.makers.hostile import ENV_FILES
from tests.support.projects.readers import read_env_files_with_compose

_AT_ONCE = 400


@pytest.mark.skipif(shutil.which("docker") is None, reason="there is no Docker Compose to compare with")
def test_every_env_file_that_is_accepted_means_the_same_to_compose(tmp_path: Path) -> None:
    accepted: dict[Path, dict[str, str]] = {}

    @given(text=ENV_FILES)
    def collect(text: str) -> None:
        path = tmp_path / f"{len(accepted)}.env"
        path.write_bytes(text.encode())
        try:
            accepted[path] = read_env_file(path)
        except EnvironmentMisused:
            path.unlink()

    collect()
    files = list(accepted)
    assert len(files) > 10
    for first in range(0, len(files), _AT_ONCE):
        batch = files[first : first + _AT_ONCE]
        for path, seen in zip(batch, read_env_files_with_compose(batch), strict=True):
            assert seen == accepted[path], path.read_bytes()
