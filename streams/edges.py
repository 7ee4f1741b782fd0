"""Edges of a charger's timetable: noticed, told once, also those that nobody saw (rule 14)."""

from __future__ import annotations

from datetime import datetime, timedelta

from connectors.telemetry.metrics import Metrics
from models.charger import ChargerState, ModeFactKind
from models.governing import Governing
from models.metrics import EDGES
from streams.charger_post import ChargerPost

MISSED_WITHIN = timedelta(days=50)
"""Edges of an absence that are told: a hundred of a daily window. A row is kept as long as its
charger is configured, and nothing that anybody decides depends on older ones."""


class EdgeDesk:
    """Keeps the mode that is due in a charger's row, and tells when it changes."""

    def __init__(self, post: ChargerPost, metrics: Metrics) -> None:
        self._post = post
        self._metrics = metrics

    async def noticed(self, row: ChargerState, governing: Governing, now: datetime) -> ChargerState:
        """The row with the mode due now; each edge that was passed is told once (rule 14)."""
        interval, site = governing.timeline.at(now), governing.site
        # A mode without a beginning holds since the timetable was set. Never since now: command
        # ids are made from it, and a worker that takes over must arrive at the same ones.
        since = interval.start or site.loaded_at
        if since == row.desired_since and row.desired is interval.mode:
            return row
        missed_count = await self._tell_missed(row, governing, now)
        if row.desired is interval.mode:
            # All that passed meanwhile were missed; a timetable that changed behind it is no edge.
            return row.model_copy(update={"desired_since": since}) if missed_count else row
        passed = row.desired is not None
        row = row.model_copy(update={"desired": interval.mode, "desired_since": since})
        if passed:
            self._metrics.count(EDGES, row.site_id, interval.mode)
            await self._post.tell(
                row,
                ModeFactKind.EDGE if row.connection else ModeFactKind.EDGE_MISSED,
                now if row.connection else since,
                governing.stage,
                # A timetable that is changed and changed back begins the same interval twice.
                about=site.revision,
                detail=interval.source.name,
            )
        return row

    async def _tell_missed(self, row: ChargerState, governing: Governing, now: datetime) -> int:
        """Tell the edges that nobody noticed in time, but the one that began what is due now."""
        if row.desired is None or row.desired_since is None:
            return 0
        # Before it was loaded this timetable had no edges.
        known_since = max(row.desired_since, governing.site.loaded_at, now - MISSED_WITHIN)
        passed = list(governing.timeline.edges(known_since, now))
        if passed and row.desired is not governing.timeline.mode_at(now):
            passed.pop()
        for edge in passed:
            await self._post.tell(
                row.model_copy(update={"desired": edge.mode, "desired_since": edge.at}),
                ModeFactKind.EDGE_MISSED,
                edge.at,
                governing.stage,
                about=governing.site.revision,
                detail=edge.source.name,
            )
        return len(passed)
