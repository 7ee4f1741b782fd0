"""How a command ended."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson


class Said(NamedTuple):
    """Its exit code, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All of it, as on a screen."""
        return self.out + self.err

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document that it is."""
        return orjson.loads(self.out)
