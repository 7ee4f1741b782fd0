"""The demo without a terminal: a line for each thing that happens."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.text import Text

from depotgate.demo.depot import DemoDepot
from depotgate.demo.events import Event
from depotgate.demo.odd.notices import Notice
from depotgate.demo.session import Attempted
from depotgate.demo.wording import ANSWERS, answer_of, local, mode, turns_text
from models.attempt import Denial, Outcome
from models.charger import ChargerState, ModeFact, ModeFactKind
from models.ids import ChargerId, ConnectionId
from models.profile_choice import boot_of, effective_profile

REASON_CHARS = 17
LABEL_CHARS = 9
"""The longest usual ones; a longer one only pushes its line to the right."""


class Lines:
    """Prints what it hears."""

    def __init__(self, depot: DemoDepot, console: Console) -> None:
        self._depot = depot
        self._console = console
        self._connections: dict[ChargerId, ConnectionId | None] = {}
        self._found: set[ChargerId] = set()
        self._last_edge_at: datetime | None = None

    def notice(self, notice: Notice) -> None:
        """Print what was noticed of an odd charger."""
        self.say(notice.at, notice.charger_id, Text(f"noticed: {notice.text}", "bold yellow"))

    def say(self, at: datetime, who: str, what: str | Text) -> None:
        """Print a line: local time, whom it is about, what happened."""
        line = Text.assemble((local(at, self._depot.zone), "dim"), f"  {who:<5}  ", what)
        # However wide: a line that is read by a program stays a line.
        self._console.print(line, soft_wrap=True)

    def hear(self, event: Event) -> None:
        """Print it, where it is something to see."""
        match event:
            case ChargerState():
                self._state(event)
            case ModeFact():
                self._mode(event)
            case Outcome():
                self.say(event.answered_at, event.attempt.charger_id, self._outcome(event))
            case Denial():
                what = f"denial recorded: {event.reason}, {event.token}"
                self.say(event.at, event.charger_id, Text(what, "dim"))
            case Attempted(result=None):
                what = f"no answer ({event.error}), {event.label}"
                self.say(event.at, event.charger_id, Text(what, "bold red"))
            case Attempted():
                pass  # its outcome says more

    def _state(self, row: ChargerState) -> None:
        self._profile(row)
        connection = row.connection
        now_id = connection.connection_id if connection else None
        if now_id == self._connections.get(row.charger_id):
            return
        self._connections[row.charger_id] = now_id
        if connection is None:
            self.say(row.updated_at, row.charger_id, "disconnected")
            return
        group = self._depot.governing(row.charger_id).charger.group
        what = Text.assemble(
            f"connected, OCPP {connection.ocpp}, {group}, to be ", mode(str(row.desired))
        )
        self.say(connection.since, row.charger_id, what)

    def _profile(self, row: ChargerState) -> None:
        """Print once by which profile a charger is switched that has none in the folder."""
        charger = self._depot.governing(row.charger_id).charger
        profile = effective_profile(charger, boot_of(row))
        if not profile.found or row.charger_id in self._found:
            return
        self._found.add(row.charger_id)
        what = f"profile {profile.name}, found by its boot as {row.vendor} {row.model}"
        self.say(row.updated_at, row.charger_id, what)

    def _mode(self, fact: ModeFact) -> None:
        match fact.kind:
            case ModeFactKind.EDGE:
                self._edge(fact)
            case ModeFactKind.SWITCHED:
                what = Text.assemble("switched to ", mode(str(fact.observed)))
                self.say(fact.at, fact.charger_id, what)
            case ModeFactKind.NOT_SWITCHABLE:
                what = Text(f"cannot be switched ({fact.detail}): it asks for each card", "yellow")
                self.say(fact.at, fact.charger_id, what)
            case ModeFactKind.DRIFT:
                what = Text(f"drifted to {fact.observed} ({fact.detail}): switched again", "yellow")
                self.say(fact.at, fact.charger_id, what)
            case ModeFactKind.SWITCH_FAILED:
                what = Text(f"given up on: it does not become {fact.desired}", "bold red")
                self.say(fact.at, fact.charger_id, what)
            case _:
                pass

    def _edge(self, fact: ModeFact) -> None:
        """Each charger notices the edge for itself; people want to read of it once."""
        edge_at = self._depot.timeline(fact.charger_id).at(fact.at).start
        if edge_at is None or edge_at == self._last_edge_at:
            return
        self._last_edge_at = edge_at
        self.say(edge_at, "EDGE", turns_text(self._depot.turns_at(edge_at)))

    def _outcome(self, outcome: Outcome) -> Text:
        word, _, style = ANSWERS[answer_of(outcome)]
        label = self._depot.label_of(outcome.attempt.token)
        told = outcome.told
        status = "socket gone" if told is None else told.status
        text = f" “{told.text}”" if told is not None and told.text else ""
        return Text.assemble(
            (f"{word:<9}", style),
            f" {outcome.reason or '–':<{REASON_CHARS}}  {label:<{LABEL_CHARS}}",
            f"  {outcome.attempt.kind}: {status}{text}",
        )
