"""The Dockerfile without an engine: what it copies builds, and what runs is not root."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from shutil import copy2, copytree, ignore_patterns
from typing import Any

import pytest

from depotgate.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())

DOCKERFILE = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
"""With its continued lines in one."""

STAGES = [stage for stage in re.split(r"(?m)^(?=FROM )", DOCKERFILE) if stage.startswith("FROM ")]


def _instructions(stage: str, name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", stage, re.MULTILINE)


def _copied() -> list[str]:
    """What comes from the repository: the sources of each COPY that is not from another stage."""
    lines = [line for line in _instructions(DOCKERFILE, "COPY") if not line.startswith("--from=")]
    return [source for line in lines for source in line.split()[:-1]]


def _ignored() -> set[str]:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return {line.strip().strip("/") for line in lines if line.strip()}


def test_everything_that_is_copied_exists_and_reaches_the_build() -> None:
    for source in _copied():
        assert (ROOT / source).exists(), source
        assert Path(source).parts[0] not in _ignored(), source


def test_secrets_and_the_environment_never_reach_the_build() -> None:
    assert {".git", ".venv", "secrets", "depot"} <= _ignored()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The package, built as the image builds it, from nothing but what is copied."""
    folder = tmp_path_factory.mktemp("build")
    for source in _copied():
        if (ROOT / source).is_dir():
            copytree(ROOT / source, folder / source, ignore=ignore_patterns("__pycache__"))
        else:
            copy2(ROOT / source, folder / source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*build, "--wheel-dir", "out", "."], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (built,) = (folder / "out").glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_package_builds_from_what_is_copied(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    missing = [
        path
        for package in ("models", "connectors", "streams", "depotgate")
        for path in (each.relative_to(ROOT) for each in (ROOT / package).rglob("*.py"))
        if path.as_posix() not in names
    ]
    assert missing == []
    assert "models/profiles.toml" in names, "data that the rules read"


def test_the_package_has_the_command_that_the_image_starts(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    (started,) = _instructions(STAGES[-1], "ENTRYPOINT")
    assert started == '["depotgate"]'
    assert "depotgate = depotgate.cli:main" in wheel.read(entry_points).decode()


def test_the_locked_packages_hold_what_the_build_and_the_program_need() -> None:
    """Nothing is looked up beside the lock: --no-deps and --no-build-isolation."""
    locked = set(re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements.lock").read_text(), re.M))
    wanted = PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"]
    names = {re.split(r"[=<>\[ ]", each)[0].lower() for each in wanted}
    assert names <= locked


def test_what_runs_is_not_root_and_has_no_build_tools_of_its_own() -> None:
    assert len(STAGES) >= 2
    final = STAGES[-1]
    (user,) = _instructions(final, "USER")
    assert user not in {"root", "0"}
    assert (
        f"useradd --system --uid 10001 --create-home --home-dir /var/lib/depotgate {user}" in final
    )
    assert "pip install" not in final


def test_both_stages_have_the_same_python() -> None:
    """The environment of the first is copied: its interpreter has to be there in the second."""
    images = {stage.split()[1] for stage in STAGES}
    assert len(images) == 1
    wanted = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert f"python:{wanted}" in images.pop()


def test_its_variables_are_settings_or_the_interpreters() -> None:
    known = {f"{PREFIX}{setting.upper()}" for setting in Settings.model_fields}
    variables = {
        name for line in _instructions(STAGES[-1], "ENV") for name in re.findall(r"(\w+)=", line)
    }
    assert variables <= known | {"PATH", "PYTHONUNBUFFERED"}
    assert "PATH=/opt/depotgate/bin:$PATH" in STAGES[-1]
