"""What the live view shows at one moment: a value, to be drawn beside the event loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from depotgate.demo.charger import Charger
from depotgate.demo.depot import DemoDepot
from depotgate.demo.events import Event
from depotgate.demo.odd.notices import Notice, Notices
from depotgate.demo.session import NO_CARD, Attempted
from depotgate.demo.tally import Tally, percentile
from depotgate.demo.voice import Voice
from depotgate.demo.wording import answer_of
from models.attempt import Outcome
from models.charger import ChargerState
from models.ids import AttemptId, ChargerId
from models.reasons import Answer
from models.schedule import Mode

OUTCOMES_MAX = 60
"""More than any terminal has lines for them."""

SAME_WITHIN = 30
"""Lines looked back on for the Authorize that led to a start: seconds of this depot."""

FRESH_FOR = timedelta(seconds=5)
"""Long enough for an eye to find what an edge changed."""

RATE_OVER = timedelta(seconds=10)
ATTEMPTS_MAX = 1_000
"""Of RATE_OVER: a hundred a second, twenty times what this depot does."""


class ChargerCell(NamedTuple):
    """One charger.

    Attributes:
        desired, observed: None = not known yet.
        fixed: its make cannot be switched.
        fresh: its mode changed a moment ago.
        session: label of the card that charges; `waiting` for a vehicle without one.
    """

    charger_id: str
    ocpp: str
    group: str
    connected: bool
    desired: Mode | None
    observed: Mode | None
    fixed: bool
    fresh: bool
    session: str
    charging: bool


class OutcomeLine(NamedTuple):
    """One attempt as it ended, without anything that tells whose card it was.

    Attributes:
        status, text: what the driver was told; no text over OCPP 1.6, which has no field for one.
    """

    attempt_id: AttemptId
    at: datetime
    charger_id: str
    label: str
    answer: Answer
    reason: str
    status: str
    text: str | None


class Picture(NamedTuple):
    """Everything that is shown.

    Attributes:
        outcomes: newest first.
        edge_at: None when none is left; `turns` are the groups that change at it.
        notice: news of the processes, if any.
        noticed: what depotgate noticed of odd chargers, newest first; times are the site's.
    """

    site: str
    now: datetime
    edge_at: datetime | None
    turns: dict[str, Mode]
    cells: tuple[ChargerCell, ...]
    outcomes: tuple[OutcomeLine, ...]
    attempts_per_s: float
    allowed_count: int
    denied_count: int
    lost_count: int
    p50_s: float | None
    p99_s: float | None
    notice: str | None
    noticed: tuple[Notice, ...] = ()


class Pictures:
    """Keeps what the next picture needs."""

    def __init__(
        self,
        depot: DemoDepot,
        chargers: Mapping[ChargerId, Charger],
        tally: Tally,
        voice: Voice,
        notices: Notices | None = None,
    ) -> None:
        self._notices = notices or Notices(depot.odd)
        self._depot = depot
        self._chargers = chargers
        self._tally = tally
        self._voice = voice
        self._rows: dict[ChargerId, ChargerState] = {}
        self._outcomes: deque[OutcomeLine] = deque(maxlen=OUTCOMES_MAX)
        self._attempts_at: deque[datetime] = deque(maxlen=ATTEMPTS_MAX)

    def hear(self, event: Event) -> None:
        """Keep what is shown of it."""
        match event:
            case ChargerState():
                self._rows[event.charger_id] = event
            case Outcome():
                self._keep(self._line(event))
            case Attempted():
                self._attempts_at.append(event.at)
            case _:
                pass

    def take(self, now: datetime) -> Picture:
        """The picture of this moment."""
        edge_at = next(iter(self._depot.edges_after(now)), None)
        latencies_s = self._tally.latencies_s
        recent = sum(1 for at in self._attempts_at if now - at <= RATE_OVER)
        return Picture(
            site=f"{self._depot.site.name}, {self._depot.site.timezone}",
            now=now.astimezone(self._depot.zone),
            edge_at=edge_at,
            turns=self._depot.turns_at(edge_at) if edge_at else {},
            cells=tuple(self._cell(charger_id, now) for charger_id in self._chargers),
            outcomes=tuple(self._outcomes),
            attempts_per_s=recent / RATE_OVER.total_seconds(),
            allowed_count=self._tally.allowed_count,
            denied_count=self._tally.denied_count,
            lost_count=self._tally.lost_count,
            p50_s=percentile(latencies_s, 0.5),
            p99_s=percentile(latencies_s, 0.99),
            notice=self._voice.newest(),
            noticed=tuple(
                each._replace(at=each.at.astimezone(self._depot.zone))
                for each in self._notices.newest
            ),
        )

    def _keep(self, line: OutcomeLine) -> None:
        """An Authorize and the start it leads to are one attempt (rule 30): the later one shows."""
        for place, known in zip(range(SAME_WITHIN), self._outcomes, strict=False):
            if known.attempt_id == line.attempt_id:
                del self._outcomes[place]
                break
        self._outcomes.appendleft(line)

    def _cell(self, charger_id: ChargerId, now: datetime) -> ChargerCell:
        charger = self._depot.governing(charger_id).charger
        row = self._rows.get(charger_id)
        plug = self._chargers[charger_id].plugs[0]
        session = plug.session
        charging = session is not None and session.energised
        label = ""
        if session is not None:
            label = NO_CARD if session.card is None else session.card.label
        return ChargerCell(
            charger_id=charger_id,
            ocpp=str(charger.ocpp),
            group=str(charger.group),
            connected=row is not None and row.connection is not None,
            desired=row.desired if row else None,
            observed=row.observed.mode if row and row.observed else None,
            fixed=not self._depot.switchable(charger),
            fresh=row is not None
            and row.desired_since is not None
            and timedelta(0) <= now - row.desired_since < FRESH_FOR,
            session=label if charging else "waiting" if plug.plugged else "",
            charging=charging,
        )

    def _line(self, outcome: Outcome) -> OutcomeLine:
        told = outcome.told
        return OutcomeLine(
            attempt_id=outcome.attempt.attempt_id,
            at=outcome.answered_at.astimezone(self._depot.zone),
            charger_id=outcome.attempt.charger_id,
            label=self._depot.label_of(outcome.attempt.token),
            answer=answer_of(outcome),
            reason=str(outcome.reason or "–"),
            status=told.status if told else "socket gone",
            text=told.text if told else None,
        )
