"""What is known of a charger: its events, its mode three ways, the commands it is sent."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from models.announcements import Announced
from models.attempt import SLOTS, DriverText
from models.capability import Claims, Proofs
from models.clocks import ClockOffset
from models.ids import ChargerId, CommandId, ConnectionId, GatewayInstance, SiteId, Slot
from models.offline_state import OfflineOrder, OfflineState
from models.reasons import OcppVersion
from models.record import Frozen, Open, Record, UtcDatetime
from models.schedule import Mode
from models.sessions import Sessions
from models.site import Stage

Scalar = str | int | float | bool | None


def _partition(slot: int) -> int:
    if not 0 <= slot < SLOTS:
        raise ValueError(f"expected a partition of charger.commands, 0 to {SLOTS - 1}")
    return slot


ReplySlot = Annotated[Slot, AfterValidator(_partition)]
"""Where commands to a connection go: one that does not exist could be sent none, ever again."""


class EventName(StrEnum):
    """Events that are no OCPP action of the charger's; the others carry the action's name."""

    CONNECTED = "Connected"
    DISCONNECTED = "Disconnected"
    COMMAND_RESULT = "CommandResult"
    DECISION_LATE = "DecisionLate"
    SESSION_STOPPED = "SessionStopped"
    PROBED = "Probed"
    START_ACCEPTED = "StartAccepted"
    START_ANSWERED = "StartAnswered"
    ANNOUNCED = "Announced"
    READ_BACK = "ReadBack"
    OFFLINE_SET = "OfflineSet"


class CommandStatus(StrEnum):
    """How a command ended.

    Attributes:
        REBOOT_REQUIRED: the setting was stored and is not in force before the next boot.
        NOT_SUPPORTED: no spelling of the setting is known to the charger: asking again is no use.
    """

    DONE = "done"
    REBOOT_REQUIRED = "reboot_required"
    REJECTED = "rejected"
    NOT_SUPPORTED = "not_supported"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    EXPIRED = "expired"


class CommandResult(Frozen):
    """A command's end, told by the gateway.

    Attributes:
        observed: the mode that was read back; None when it could not be, or is not in force yet.
        detail: OCPP status or CALLERROR code of the step that decided; never a value.
        stored: what was read back of a setting that waits for a reboot.
        refused: steps beside the mode itself that the charger did not take, by the name of their
            key; they fail nothing.
    """

    command_id: CommandId
    status: Open[CommandStatus]
    mode: Mode
    observed: Mode | None
    detail: str
    stored: Mode | None = None
    refused: tuple[str, ...] = ()


class ChargerEvent(Record):
    """Something that happened at a charger: a product fact with allow-listed fields only.

    Attributes:
        name: an OCPP action, or an EventName.
        data: allow-listed scalars; free text and identifiers never get here (rule 26).
        token: kind of token that the message carried, without identity.
        result: of a command, in a CommandResult.
        clock: of the charger, once it is measured, and when it has changed since.
    """

    event_id: str
    charger_id: ChargerId
    site_id: SiteId
    ocpp: Open[OcppVersion]
    connection_id: ConnectionId
    gateway_instance: GatewayInstance
    slot: ReplySlot
    name: str
    received_at: UtcDatetime
    data: dict[str, Scalar] = Field(default_factory=dict)
    token: str | None = None
    result: CommandResult | None = None
    clock: ClockOffset | None = None

    def text(self, path: str) -> str | None:
        """A field as text: ids are numbers in 1.6; None where the message had none."""
        found = self.data.get(path)
        return None if found is None else str(found)

    def whole(self, *paths: str) -> int | None:
        """The first of these fields that is a whole number: versions name a place differently."""
        found = (self.data.get(path) for path in paths)
        return next((each for each in found if type(each) is int), None)

    @property
    def timestamp(self) -> UtcDatetime | None:
        """The charger's own time of it; None where there is none, or none with an offset."""
        try:
            at = datetime.fromisoformat(str(self.data.get("timestamp")))
        except ValueError:
            return None
        return at if at.tzinfo else None


class CommandKind(StrEnum):
    """What a gateway is asked to do on one connection."""

    SWITCH = "switch"
    RESET = "reset"
    """Reboot, for a setting that is not in force before (site.yaml: `reboot`)."""
    PROBE = "probe"
    READ_BACK = "read_back"
    """Ask for the mode and nothing else."""
    STOP = "stop"
    """End a session by remote stop."""
    START = "start"
    """Begin one by remote start, with the reserved token (models/assisted.py)."""
    ANNOUNCE = "announce"
    """Have a display say when the charger is reserved, or say so no more."""
    CLOSE = "close"
    OFFLINE = "offline"
    """Set what it does while it is offline (models/offline_state.py)."""


class ChargerCommand(Record):
    """Work for the gateway that holds `connection_id`; others ignore it.

    Attributes:
        mode: to be reached, with `switch`.
        profile: row of profiles.toml that tells how.
        expires_at: after it the command is dropped and reported as expired.
        transaction_id: to be ended, with `stop`; a number in 1.6.
        cause: why it is to be ended.
        connector: EVSE in 2.x, where `start` begins a session.
        offline: what it is to do while it is offline, with `offline`.
        texts: to be shown on its display, with `announce`; none = cleared.
    """

    command_id: CommandId
    kind: Open[CommandKind]
    charger_id: ChargerId
    site_id: SiteId
    connection_id: ConnectionId
    slot: Slot
    ocpp: Open[OcppVersion]
    mode: Mode
    profile: str
    sent_at: UtcDatetime
    expires_at: UtcDatetime
    transaction_id: str | None = None
    cause: str = ""
    connector: int | None = None
    offline: OfflineOrder | None = None
    texts: tuple[DriverText, ...] = ()


class Connection(Frozen):
    """Where a charger is connected."""

    connection_id: ConnectionId
    gateway_instance: GatewayInstance
    slot: Slot
    ocpp: Open[OcppVersion]
    since: UtcDatetime


class Commanded(Frozen):
    """The last command.

    Attributes:
        sent_at: of the first sending; the command expires from there.
        attempts_count: how often this mode was commanded since its state was last unknown; a
            reset belongs to the switch before it.
        status: None while the result is outstanding.
        resent_at: of the last repetition with the same id.
        kind: switch or reset.
        ended_at: when the result came; what follows it is counted from here.
        profile: row of profiles.toml by which it was sent.
        doubted: the other mode was seen before the result, and none was read back after it: nobody
            knows which came first.
    """

    command_id: CommandId
    mode: Mode
    sent_at: UtcDatetime
    attempts_count: int
    status: Open[CommandStatus] | None = None
    resent_at: UtcDatetime | None = None
    kind: Open[CommandKind] = CommandKind.SWITCH
    ended_at: UtcDatetime | None = None
    profile: str = ""
    doubted: bool = False


READ_BACK, BEHAVIOUR = "read_back", "behaviour"
"""Kinds of evidence."""


class Observed(Frozen):
    """The last evidence of the charger's mode, and what kind it was."""

    mode: Mode
    at: UtcDatetime
    evidence: str


class PlaceStep(StrEnum):
    """How far an occupation has come on its way to proving a mode (models/proofs.py)."""

    QUIET = "quiet"
    """A vehicle is there, and no energy flows."""
    PRESENTED = "presented"
    """A token was presented, and no energy flowed before it; its answer is awaited."""
    ACCEPTED = "accepted"
    SPENT = "spent"
    """It proves nothing more."""


class Place(Frozen):
    """One occupation that may prove something.

    Attributes:
        number: of the connector in 1.6, of the EVSE in 2.x.
        transaction_id: of 2.x, once there is one.
        energy: whether the message that presented the token told of energy too.
    """

    number: int
    step: Open[PlaceStep]
    transaction_id: str | None = None
    energy: bool = False


class ChargerState(Record):
    """One row per charger: the recovery log of the worker and a public fact at once.

    Attributes:
        offset: of the last event applied; events at or below it are skipped.
        owner_epoch: of the ownership under which it was written, greater for each next owner of its
            partition (docs/decisions/0009); None from a version that had none.
        desired: mode that schedule, overrides and lock ask for, and since which edge.
        mode_unknown_since: when a connect, a boot or entering `enforce` last made everything that
            was known of the mode worthless; commands before and after it differ in their ids.
            stored_mode: taken by the charger and in force from its next boot on.
        booted_with: the stored mode with which it last booted: asked to set that mode again, it
            asks for another reboot, and needs none.
        given_up_at: since when the desired mode is not asked for any more.
        not_switchable_at: since when it is known to have no setting to switch, also while it is
            away; None where it has one, or stage off asks for none.
        read_back_at: when it told its mode last, without a switch.
        refused: optional steps of the last switch that it did not take.
        vendor, model, firmware, booted_over: of its last boot, and the OCPP version it came over.
        claims, proofs: what the charger said of itself, and what its behaviour showed.
        places: occupations that may still prove something.
        disconnected_at: when its last connection ended; None while it is connected.
        clock: how far the charger's clock is off; None while it is not measured.
        sessions: that run, that ended lately, and vehicles at its places.
        offline: what it was told to do while it is offline; None while it was not.
        announced: what its display was told last; None since its last boot.
    """

    charger_id: ChargerId
    site_id: SiteId
    offset: int
    owner_epoch: int | None = None
    desired: Mode | None = None
    desired_since: UtcDatetime | None = None
    stage: Open[Stage] | None = None
    commanded: Commanded | None = None
    observed: Observed | None = None
    connection: Connection | None = None
    disconnected_at: UtcDatetime | None = None
    mode_unknown_since: UtcDatetime | None = None
    stored_mode: Mode | None = None
    booted_with: Mode | None = None
    given_up_at: UtcDatetime | None = None
    not_switchable_at: UtcDatetime | None = None
    read_back_at: UtcDatetime | None = None
    refused: tuple[str, ...] = ()
    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None
    booted_over: Open[OcppVersion] | None = None
    claims: Claims | None = None
    proofs: Proofs = Field(default_factory=Proofs)
    places: tuple[Place, ...] = ()
    clock: ClockOffset | None = None
    sessions: Sessions = Sessions()
    offline: OfflineState | None = None
    announced: Announced | None = None
    updated_at: UtcDatetime


class ModeFactKind(StrEnum):
    """What happened to a charger's mode."""

    EDGE = "edge"
    EDGE_MISSED = "edge_missed"
    SWITCH_COMMANDED = "switch_commanded"
    RESET_COMMANDED = "reset_commanded"
    REBOOT_NEEDED = "reboot_needed"
    WOULD_SWITCH = "would_switch"
    SWITCHED = "switched"
    SWITCH_FAILED = "MODE_SWITCH_FAILED"
    DRIFT = "MODE_DRIFT"
    NOT_SWITCHABLE = "not_switchable"
    STARTED_BY_MODE_CHANGE = "STARTED_BY_MODE_CHANGE"
    OVERSTAY = "OVERSTAY"
    STOP_COMMANDED = "stop_commanded"
    WOULD_STOP = "would_stop"
    STOP_FAILED = "SESSION_STOP_FAILED"
    START_COMMANDED = "start_commanded"
    WOULD_START = "would_start"
    START_FAILED = "ASSISTED_START_FAILED"


class ModeFact(Record):
    """One fact in charger.mode.v1; `fact_id` makes writing it twice harmless.

    Attributes:
        connector: place of the session that the fact is about: EVSE in OCPP 2.x.
        session_id: of that session.
    """

    fact_id: str
    kind: Open[ModeFactKind]
    charger_id: ChargerId
    site_id: SiteId
    at: UtcDatetime
    desired: Mode | None
    observed: Mode | None
    stage: Open[Stage]
    command_id: CommandId | None = None
    detail: str = ""
    connector: int | None = None
    session_id: str | None = None
