"""One more site of an installation that runs, for what a test needs a site.yaml of its own for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.integration.depots import Depot, Row, whole_minute_after
from tests.integration.installations import Fleet
from tests.integration.scenes import Scene
from tests.integration.told import load

LOADED_WITHIN_S = 30.0
"""From writing the folder to chargers that are connected, on a machine with other things to do."""


class Timetable(Depot):
    """A depot with a group `ends` too, which is reserved until the edge at which `edge` begins."""

    def __init__(self, folder: Path, site: str, chargers: Sequence[Row], edge_at: datetime) -> None:
        self._ends_at = edge_at
        super().__init__(folder, site, chargers, edge_at)

    def write_site(self) -> None:
        """site.yaml."""
        super().write_site()
        path, at = self.folder / "site.yaml", self._ends_at
        ends = (
            "schedules:",
            "  - id: ends",
            "    default: freevend",
            "    exceptions:",
            # Two dates, so that a run around midnight has its window too.
            f"      - {{date: {at.date() - timedelta(days=1)}, mode: managed}}",
            f'      - {{date: {at.date()}, from: "00:00", to: "{at:%H:%M}", mode: managed}}',
        )
        text = path.read_text().replace("schedules:", "\n".join(ends))
        path.write_text(text.replace("groups:", "groups:\n  - {id: ends, schedule: ends}"))


def edge_soon() -> datetime:
    """A whole minute, by which a second site has its chargers. Not midnight: an exception that
    ends there would be the whole day."""
    edge_at = whole_minute_after(datetime.now(UTC), LOADED_WITHIN_S)
    return edge_at if edge_at.time() else edge_at + timedelta(minutes=1)


@asynccontextmanager
async def loaded(
    scene: Scene, depot: Depot, before: Callable[[Fleet], None] = lambda _: None
) -> AsyncIterator[None]:
    """The depot is loaded beside the scene's own, and its chargers are on the scene, connected.

    Args:
        before: done to the chargers before they connect.
    """
    await load(scene.up, depot.folder)
    fleet = Fleet(depot, scene.up.ocpp)
    before(fleet)
    scene.chargers |= fleet.chargers
    async with fleet.connected():
        yield
