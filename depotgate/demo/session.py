"""What happens at a plug: cards, sessions, how attempts end, and how a make of charger behaves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from depotgate.demo.link import BackOff
from models.schedule import Mode

ACCEPTED = "Accepted"

NO_CARD = "no card"
"""Label of whoever presents none: the charger starts by itself."""


@dataclass(frozen=True)
class Card:
    """What a driver holds to the reader.

    Attributes:
        label: what is expected of it (`own_fleet`, `expired`, …); never read by a charger.
        token: idTag or idToken; kept out of every text made from a card (rule 26).
        id_type: OCPP 2.x idToken.type; 1.6 has none.
    """

    label: str
    token: str = field(repr=False)
    id_type: str = "ISO14443"


@dataclass(frozen=True)
class AttemptResult:
    """How an attempt was answered.

    Attributes:
        action: the message whose answer this is.
        status: idTagInfo or idTokenInfo status; empty when the answer carried none.
        text: for the driver; None where none came (1.6 has none).
        latency_s: from sending the message to having read its answer.
    """

    action: str
    status: str
    text: str | None
    latency_s: float

    @property
    def accepted(self) -> bool:
        """Whether the driver may charge."""
        return self.status == ACCEPTED


@dataclass(frozen=True)
class Attempted:
    """A token presented to start, as the driver has it to tell: what was asked and what came back.

    Attributes:
        label: of the card, or NO_CARD.
        result: None when no answer came.
        error: why none came; None when one did.
    """

    charger_id: str
    label: str
    at: datetime
    result: AttemptResult | None
    error: str | None


class Shown(NamedTuple):
    """What a driver saw at the charger."""

    status: str
    text: str | None
    at: datetime


class ModeSwitch(NamedTuple):
    """A mode that the central system set, whether or not it was another one."""

    mode: Mode
    at: datetime
    changed: bool


class Stop(Enum):
    """Why a session ends."""

    LOCAL = "Local"
    REMOTE = "Remote"
    EV_DISCONNECTED = "EVDisconnected"
    DEAUTHORIZED = "DeAuthorized"
    REBOOT = "Reboot"


class Started(Enum):
    """What started a session."""

    CARD = "card"
    CABLE = "cable"
    REMOTE = "remote"


@dataclass
class Session:
    """One transaction.

    Attributes:
        card: None when the charger started by itself (freevend).
        transaction_id: the charger's own in 2.x; in 1.6 None until the start is answered.
        replayed: told later, from the charger's memory.
    """

    evse: int
    card: Card | None
    started_at: datetime
    transaction_id: int | str | None = None
    seq_no: int = 0
    replayed: bool = False
    energised: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Presented(NamedTuple):
    """A card accepted before the cable came, good until `until_s` of the loop's clock."""

    card: Card
    until_s: float


@dataclass
class Plug:
    """One EVSE with one connector. `turn` is held by whoever changes it."""

    evse: int
    plugged: bool = False
    finished: bool = False
    session: Session | None = None
    presented: Presented | None = None
    reported: str | None = None
    meter_wh: float = 0.0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class Behaviour:
    """How a charger of this make behaves.

    Attributes:
        validate: see `link.Link`.
        message_attempts_count: how often a transaction message is sent before it is dropped
            (TransactionMessageAttempts, MessageAttempts), with `retry_interval_s` times the number
            of attempts between two.
        away_s: how long a transaction message is kept for a connection to come back.
        connection_timeout_s: how long an accepted card waits for a cable (ConnectionTimeOut).
        obeys: False = a switch is accepted and read back, and nothing changes.
        switch_status: answer to a switch; with RebootRequired it takes effect on `reboot`.
        starts_remotely: False = remote starts are rejected.
        stops_on_invalid: False = goes on charging when the start was denied, as seen in the field.
    """

    response_timeout_s: float = 30.0
    validate: bool = True
    back_off: BackOff = BackOff()  # noqa: RUF009 - frozen
    message_attempts_count: int = 3
    retry_interval_s: float = 2.0
    away_s: float = 600.0
    connection_timeout_s: float = 60.0
    meter_interval_s: float = 10.0
    power_w: float = 11_000.0
    obeys: bool = True
    switch_status: str = ACCEPTED
    stops_on_invalid: bool = True
    starts_remotely: bool = True


def wire_time(at: datetime) -> str:
    """An instant as OCPP writes it: RFC 3339, UTC, milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
