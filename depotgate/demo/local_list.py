"""The local list of a simulated charger: what it was sent, by token."""

from __future__ import annotations

from typing import Any


class LocalList:
    """Entries and version.

    Attributes:
        ends: token to the end of its entry; None = it has none.
    """

    def __init__(self) -> None:
        self.version = 0
        self.ends: dict[str, str | None] = {}

    def take(self, version: int, update: str, rows: list[dict[str, Any]]) -> str:
        """Answer to SendLocalList: its status."""
        if update == "Full":
            self.ends = {}
        elif version <= self.version:
            return "VersionMismatch"
        for row in rows:
            named = row.get("id_tag") or row["id_token"]["id_token"]
            info = row.get("id_tag_info") or row.get("id_token_info")
            if info is None:
                self.ends.pop(named, None)
            else:
                self.ends[named] = info.get("expiry_date") or info.get("cache_expiry_date_time")
        self.version = version
        return "Accepted"
