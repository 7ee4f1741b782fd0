"""What depotgate noticed of the odd chargers of a demo, and did about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from depotgate.demo.events import Event
from depotgate.demo.session import Attempted
from models.attempt import Outcome
from models.charger import ChargerState, ModeFact, ModeFactKind
from models.ids import ChargerId
from models.reasons import Reason
from models.schedule import Mode
from models.site import CLOCK_LIMIT_S

SECONDS_PER_HOUR = 3600


class Notice(NamedTuple):
    """Something that was noticed, in words."""

    at: datetime
    charger_id: ChargerId
    text: str


class _Expected(NamedTuple):
    """What is to be noticed of an oddity; `seen` has the words for the event that shows it."""

    oddity: str
    what: str
    seen: Callable[[Event], str | None]


def _stopped(event: Event) -> str | None:
    if isinstance(event, ModeFact) and event.kind == ModeFactKind.STOP_COMMANDED:
        return f"goes on charging ({event.detail}): stop sent"
    return None


def _drifted(event: Event) -> str | None:
    if isinstance(event, ModeFact) and event.kind == ModeFactKind.DRIFT:
        return f"said it was {event.desired} and is {event.observed}: mode pushed again"
    return None


def _tagged(event: Event) -> str | None:
    if isinstance(event, Outcome) and event.reason == Reason.FREEVEND_TAG_IN_MANAGED:
        return "started by itself while reserved: accepted as OCPP has it, then stopped"
    return None


def _clock_off(event: Event) -> str | None:
    clock = event.clock if isinstance(event, ChargerState) else None
    if clock is None or not clock.off_by_more_than(CLOCK_LIMIT_S):
        return None
    return f"its clock is off by {clock.offset_s / SECONDS_PER_HOUR:+.1f} h"


def _replay_corrected(event: Event) -> str | None:
    attempt = event.attempt if isinstance(event, Outcome) else None
    if attempt is None or not attempt.replayed or not attempt.clock_offset_s:
        return None
    hours = attempt.clock_offset_s / SECONDS_PER_HOUR
    return f"told of a session by its clock: corrected by {-hours:+.1f} h"


def _replayed(event: Event) -> str | None:
    attempt = event.attempt if isinstance(event, Outcome) else None
    if attempt is None or not attempt.replayed:
        return None
    ago = (attempt.received_at - attempt.event_at).total_seconds() / 60
    return f"was offline: what it replays is judged as of {ago:.0f} min ago"


def _switched_again(event: Event) -> str | None:
    switched = isinstance(event, ModeFact) and event.kind == ModeFactKind.SWITCHED
    return "rebooted and came back open: switched again" if switched else None


_EXPECTED = (
    _Expected("charges when denied", "was sent no stop", _stopped),
    _Expected("accepts without effect", "was not seen to drift", _drifted),
    _Expected("freevend tag", "was not seen to start by itself", _tagged),
    _Expected("wrong clock", "has a clock that was not seen to be off", _clock_off),
    _Expected("wrong clock", "told of a session that was not corrected", _replay_corrected),
    _Expected("replays", "told of a session that was not judged as a replay", _replayed),
    _Expected("forgets on boot", "was not switched after its boot", _switched_again),
)

SWITCHES_BEFORE = 1
"""On connecting; the one after it is that of the boot."""

KEPT_MAX = 30
"""More than any screen has lines for them."""


class Notices:
    """Finds in what is heard that odd chargers were noticed.

    Args:
        odd: the oddity of each odd charger.

    Attributes:
        tell: told of each notice once.
        newest: the last ones, newest first.
    """

    def __init__(self, odd: Mapping[ChargerId, str]) -> None:
        self._odd = odd
        self.tell: Callable[[Notice], None] = lambda _: None
        self._found: set[tuple[ChargerId, str]] = set()
        self._switches: Counter[ChargerId] = Counter()
        self.newest: list[Notice] = []

    def hear(self, event: Event) -> None:
        """Take note of what is noticed for the first time."""
        if isinstance(event, Attempted):
            return
        charger_id = event.attempt.charger_id if isinstance(event, Outcome) else event.charger_id
        oddity = self._odd.get(charger_id)
        if oddity is None or self._is_first_switch(event):
            return
        for expected in _EXPECTED:
            if expected.oddity == oddity and (charger_id, expected.what) not in self._found:
                text = expected.seen(event)
                if text is not None:
                    self._found.add((charger_id, expected.what))
                    self._keep(Notice(_at(event), charger_id, text))

    def missing(self) -> Iterator[str]:
        """What was to be noticed and was not."""
        for charger_id, oddity in self._odd.items():
            for expected in _EXPECTED:
                if expected.oddity == oddity and (charger_id, expected.what) not in self._found:
                    yield f"{charger_id} ({oddity}) {expected.what}"

    def _is_first_switch(self, event: Event) -> bool:
        if not isinstance(event, ModeFact) or event.kind != ModeFactKind.SWITCHED:
            return False
        self._switches[event.charger_id] += event.observed is Mode.MANAGED
        return self._switches[event.charger_id] <= SWITCHES_BEFORE

    def _keep(self, notice: Notice) -> None:
        self.newest = [notice, *self.newest][:KEPT_MAX]
        self.tell(notice)


def _at(event: Event) -> datetime:
    match event:
        case Outcome():
            return event.answered_at
        case ChargerState():
            return event.updated_at
        case _:
            return event.at
