"""The announcement of a managed window on a charger's display, as its row remembers it."""

from __future__ import annotations

from enum import StrEnum

from models.ids import CommandId, ConnectionId
from models.record import Frozen, Open, UtcDatetime
from models.schedule import Mode


class DisplayStatus(StrEnum):
    """How an announcement ended.

    Attributes:
        NOT_SUPPORTED: there is no display, or none that shows text: not asked again before a boot.
    """

    SHOWN = "shown"
    CLEARED = "cleared"
    NOT_SUPPORTED = "not_supported"
    FAILED = "failed"


class ManagedTime(Frozen):
    """What is announced; in freevend nothing, so that has neither times nor languages.

    Attributes:
        start, end: of managed time; None where the mode has no edge on that side.
        languages: of the site, in which it is said.
    """

    mode: Mode
    start: UtcDatetime | None = None
    end: UtcDatetime | None = None
    timezone: str = ""
    languages: tuple[str, ...] = ()


class Announced(Frozen):
    """The last announcement that a charger was sent.

    Attributes:
        connection_id: over which; each connection is told anew, as its charger may have been
            another meanwhile.
        tries_count: of this window over this connection.
        status: None while the result is outstanding.
        detail: OCPP status or CALLERROR code of the step that decided.
    """

    window: ManagedTime
    command_id: CommandId
    connection_id: ConnectionId
    sent_at: UtcDatetime
    tries_count: int = 1
    status: Open[DisplayStatus] | None = None
    ended_at: UtcDatetime | None = None
    detail: str = ""
