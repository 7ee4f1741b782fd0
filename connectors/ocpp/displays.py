"""Managed windows on the display of an OCPP 2.x charger: set with the mode, cleared with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ocpp.v201 import call, datatypes, enums

from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.session import CallAnswered
from models.attempt import DriverText
from models.display import reserved_texts
from models.languages import LANGUAGES_MAX
from models.schedule import Mode

FIRST_MESSAGE_ID = 184_000
"""Ids of depotgate's messages are this and the next few, one for each language: always the same, so
that a repetition replaces them, and that they can be cleared without remembering anything. Others
at the charger begin at 0 or 1."""

_CONTROLLER = "DisplayMessageCtrlr"


async def announce(connection: ChargerConnection, mode: Mode) -> None:
    """Have the display say what holds now; chargers without a display are left alone.

    A message has no end of its own: some firmware ignores `endDateTime`, so the switch to freevend
    clears it. Only in stage enforce (rule 27).

    Raises:
        ChargerBusyError: too many calls wait for this charger already.
    """
    if connection.ocpp == "1.6" or not connection.enforcing:
        return
    texts = _texts(connection, mode)
    if texts is None or not await _has_display(connection):
        return
    for place, text in enumerate(texts):
        answer = await connection.call(_message(FIRST_MESSAGE_ID + place, text))
        if not isinstance(answer, CallAnswered) or answer.payload.get("status") != "Accepted":
            return
    for place in range(len(texts), LANGUAGES_MAX):
        await connection.call(call.ClearDisplayMessage(id=FIRST_MESSAGE_ID + place))


def _texts(connection: ChargerConnection, mode: Mode) -> tuple[DriverText, ...] | None:
    """What is announced, in freevend nothing; None where another mode holds by now, or where
    nothing governs the charger any more."""
    configuration, charger_id = connection.services.configuration, connection.charger.charger_id
    governing = configuration.governing(charger_id)
    if governing is None:
        return None
    now = datetime.now(UTC)
    interval, site = governing.timeline.at(now), governing.site
    if interval.mode is not mode:
        return None
    if mode is Mode.FREEVEND:
        return ()
    return reserved_texts(interval.start, interval.end, now, site.timezone, site.languages)


async def _has_display(connection: ChargerConnection) -> bool:
    """Whether the charger says that it shows messages, as text of any language."""
    asked = call.GetVariables(
        get_variable_data=[_variable("Available"), _variable("SupportedFormats")]
    )
    answer = await connection.call(asked)
    if not isinstance(answer, CallAnswered):
        return False
    said = {
        row["variable"]["name"]: str(row.get("attributeValue", ""))
        for row in answer.payload["getVariableResult"]
        if row["attributeStatus"] == "Accepted"
    }
    # SupportedFormats is required of a display; who leaves it out is taken by its word.
    formats = said.get("SupportedFormats", "UTF8")
    return said.get("Available", "").casefold() == "true" and "UTF8" in formats


def _variable(name: str) -> Any:
    return datatypes.GetVariableDataType(
        component=datatypes.ComponentType(name=_CONTROLLER),
        variable=datatypes.VariableType(name=name),
    )


def _message(message_id: int, text: DriverText) -> Any:
    # NormalCycle: shown in turn with what else there is, and with the other languages.
    return call.SetDisplayMessage(
        message=datatypes.MessageInfoType(
            id=message_id,
            priority=enums.MessagePriorityEnumType.normal_cycle,
            message=datatypes.MessageContentType(
                format=enums.MessageFormatEnumType.utf8, content=text.text, language=text.language
            ),
        )
    )
