"""YAML files, read by libyaml where it is there: ten times as fast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


def read_yaml(file: Path) -> Any:
    """The one document of a file."""
    return yaml.load(file.read_text(encoding="utf-8"), _LOADER)  # noqa: S506 - both are safe
