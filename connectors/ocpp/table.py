"""The shape of the message tables: what a row says, and what of a message may leave the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Literal, NamedTuple, Protocol

from connectors.ocpp.frames import ErrorCodes, Json
from connectors.ocpp.schemas import Schema
from models.attempt import DriverText
from models.charger import Scalar
from models.reasons import OcppVersion
from models.screens import TextFormat

Kind = Literal["always", "status", "transaction", "authorize"]
"""What happens to a message while Kafka is away.

always: answered at once and never published. status: answered, the newest per connector is kept.
transaction: left unanswered, the charger repeats it. authorize: the posture at its deadline.
"""

EVENT_TEXT_CHARS_MAX = 255
"""Of one string in a charger event: longer than every allow-listed field of the schemas."""


@dataclass(frozen=True, slots=True)
class Row:
    """One action that a charger may call.

    Attributes:
        request: schema of the payload.
        response: dataclass of the `ocpp` package that answers it.
        event_fields: the allow-list (rule 26), as dotted paths in the wire's own spelling. A path
            that ends in `.count` is the number of elements of a list, one that ends in `.length`
            the number of characters of a text that itself is dropped.
        event_words: for fields that the schema leaves open: the words that may pass; any other
            text is dropped.
    """

    action: str
    kind: Kind
    request: Schema
    response: type
    event_fields: tuple[str, ...]
    event_words: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def empty_response(self) -> object:
        """ "Received", for the actions whose answer says no more.

        Raises:
            TypeError: this action's answer has required fields; build it with its own function.
        """
        return self.response()


@dataclass(frozen=True, slots=True)
class OwnCall:
    """One action that the gateway may call.

    Attributes:
        request: dataclass of the `ocpp` package that is sent.
        result: schema of the charger's answer.
    """

    action: str
    request: type
    result: Schema


class PresentedToken(NamedTuple):
    """A token as it came: raw, for the gateway's memory only (rule 26).

    Attributes:
        stated_type: 2.x idToken type; None in 1.6, which states none (rule 17).
    """

    id_token: str
    stated_type: str | None

    def __repr__(self) -> str:
        return f"PresentedToken(stated_type={self.stated_type!r})"


class Words(NamedTuple):
    """What an answer tells the driver: the first text, and others where a version carries several.

    Attributes:
        format: in which the charger shows them.
    """

    texts: tuple[DriverText, ...] = ()
    format: TextFormat = TextFormat.UTF8


SILENT = Words()


class BootResponse(Protocol):
    """Accept a BootNotification."""

    def __call__(self, interval_s: int, now: datetime) -> object: ...


class AuthorizeResponse(Protocol):
    """Answer Authorize; what a version cannot carry is left out."""

    def __call__(self, status: str, expiry: datetime | None, words: Words = SILENT) -> object: ...


class TransactionEventResponse(Protocol):
    """Answer TransactionEvent; without `status` only "received"."""

    def __call__(
        self, status: str | None, expiry: datetime | None = None, words: Words = SILENT
    ) -> object: ...


class TokenReader(Protocol):
    """Read the token that a message carries."""

    def __call__(self, action: str, payload: Json) -> PresentedToken | None: ...


class TimeResponse(Protocol):
    """Answer a Heartbeat."""

    def __call__(self, now: datetime) -> object: ...


class PlainResponse(Protocol):
    """Answer without content."""

    def __call__(self) -> object: ...


@dataclass(frozen=True, slots=True)
class Version:
    """Everything the session and the gateway need to know of one OCPP version.

    Attributes:
        rows: by action, what a charger may call.
        calls: by dataclass, what the gateway may call.
        actions: every action of the specification, handled or not.
        transaction_event_response: of 2.x; 1.6 has no such message.
    """

    name: OcppVersion
    subprotocol: str
    codes: ErrorCodes
    rows: Mapping[str, Row]
    calls: Mapping[type, OwnCall]
    actions: frozenset[str]
    boot_response: BootResponse
    heartbeat_response: TimeResponse
    authorize_response: AuthorizeResponse
    data_transfer_response: PlainResponse
    presented_token: TokenReader
    transaction_event_response: TransactionEventResponse | None = None


def event_data(row: Row, payload: Json) -> dict[str, Scalar]:
    """The allow-listed fields of a message, by the paths of the table; absent ones are left out."""
    data: dict[str, Scalar] = {}
    for path, steps, measured in _paths(row.event_fields):
        value = _found(payload, steps)
        if measured:
            if isinstance(value, str | list):
                data[path] = len(value)
        elif isinstance(value, str):
            words = row.event_words.get(path)
            if words is None or value in words:
                data[path] = value[:EVENT_TEXT_CHARS_MAX]
        elif isinstance(value, int | float):
            data[path] = value
    return data


@cache
def _paths(event_fields: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...], bool], ...]:
    found = []
    for path in event_fields:
        steps = tuple(path.split("."))
        measured = steps[-1] in {"count", "length"}
        found.append((path, steps[:-1] if measured else steps, measured))
    return tuple(found)


def _found(payload: Json, steps: tuple[str, ...]) -> Any:
    value: Any = payload
    for step in steps:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value
