"""Managed windows on the display of an OCPP 2.x charger: shown and cleared as the worker says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ocpp.v21 import datatypes as datatypes21
from ocpp.v201 import call, datatypes, enums

from connectors.ocpp.asking import BUSY, STAGE, unasked, word_of
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.outgoing import ChargerBusyError
from connectors.ocpp.session import CallAnswered, CallFailed, FailureCause
from models.announcements import DisplayStatus
from models.attempt import DriverText
from models.charger import ChargerCommand, EventName
from models.screens import MORE_TEXTS_MAX, Screen, TextFormat, screen_of

FIRST_MESSAGE_ID = 184_000
"""Ids of depotgate's messages are this and the next few, one for each language: always the same, so
that a repetition replaces them, and that they can be cleared without remembering anything. Others
at the charger begin at 0 or 1."""

CONTROLLER = "DisplayMessageCtrlr"
VARIABLES = ("Available", "Enabled", "PersonalMessageSize", "SupportedFormats")

_NO_SUCH_CALL = frozenset({"NotImplemented", "NotSupported"})
_NEVER_TAKEN = frozenset(
    {"NotSupportedMessageFormat", "NotSupportedPriority", "LanguageNotSupported"}
)
"""Answers to SetDisplayMessage that asking again does not change."""


class _Said(NamedTuple):
    """How it went, and the OCPP status or CALLERROR code that decided."""

    status: DisplayStatus
    detail: str = ""


async def announce(connection: ChargerConnection, command: ChargerCommand) -> None:
    """Have the display say what a command says, and tell what came of it.

    A message has no end of its own: some firmware ignores `endDateTime`, so the command of the next
    edge clears it. Only in stage enforce (rule 27): outside it a command may clear, and that shows
    nothing.
    """
    async with connection.display_turn:
        try:
            said = await _announce(connection, command)
        except ChargerBusyError:
            said = _Said(DisplayStatus.FAILED, BUSY)
    await connection.report(
        EventName.ANNOUNCED,
        about=f"{EventName.ANNOUNCED} {command.command_id}",
        data={"commandId": command.command_id, "status": said.status, "detail": said.detail},
    )


async def _announce(connection: ChargerConnection, command: ChargerCommand) -> _Said:
    unsent = unasked(connection, command)
    if unsent == STAGE and not command.texts and not connection.silent:
        # What enforce announced is taken back when a site leaves it.
        return await _send(connection, [])
    if unsent is not None:
        return _Said(DisplayStatus.FAILED, unsent)
    screen = await _read_screen(connection)
    if isinstance(screen, CallFailed):
        return _failed(screen)
    if not screen.shows_announcements:
        return _Said(DisplayStatus.NOT_SUPPORTED, "no display for text")
    return await _send(
        connection, list(_messages(connection.ocpp, screen, screen.shown(command.texts)))
    )


async def _send(connection: ChargerConnection, requests: list[Any]) -> _Said:
    """Set each message, and clear those that may stand and are none of them.

    From the last one down, so that those that stand are always the first ones.
    """
    for place, request in enumerate(requests):
        connection.messages_count = max(connection.messages_count, place + 1)
        answer = await connection.call(request)
        if isinstance(answer, CallFailed):
            return _failed(answer)
        told = str(answer.payload.get("status", ""))
        if told != "Accepted":
            never = told in _NEVER_TAKEN
            return _Said(DisplayStatus.NOT_SUPPORTED if never else DisplayStatus.FAILED, told)
    for place in reversed(range(len(requests), connection.messages_count)):
        cleared = await connection.call(call.ClearDisplayMessage(id=FIRST_MESSAGE_ID + place))
        if isinstance(cleared, CallFailed):
            return _failed(cleared)
        connection.messages_count = place
    return _Said(DisplayStatus.SHOWN if requests else DisplayStatus.CLEARED)


def _failed(answer: CallFailed) -> _Said:
    never = answer.code in _NO_SUCH_CALL
    status = DisplayStatus.NOT_SUPPORTED if never else DisplayStatus.FAILED
    return _Said(status, word_of(answer))


async def _read_screen(connection: ChargerConnection) -> Screen | CallFailed:
    """What the charger shows, as it says now; remembered for the answers to its drivers."""
    answer = await connection.call(_question(VARIABLES))
    said = _values(answer)
    if isinstance(answer, CallFailed):
        if answer.cause is not FailureCause.CALL_ERROR or answer.code in _NO_SUCH_CALL:
            return answer
        # ItemsPerMessageGetVariables can be 1.
        for name in VARIABLES:
            answer = await connection.call(_question((name,)))
            if isinstance(answer, CallFailed) and answer.cause is not FailureCause.CALL_ERROR:
                return answer
            said |= _values(answer)
    screen = screen_of(said)
    connection.keep_screen(screen)
    return screen


def _question(names: tuple[str, ...]) -> Any:
    return call.GetVariables(
        get_variable_data=[
            datatypes.GetVariableDataType(
                component=datatypes.ComponentType(name=CONTROLLER),
                variable=datatypes.VariableType(name=name),
            )
            for name in names
        ]
    )


def _values(answer: CallAnswered | CallFailed) -> dict[str, str]:
    if isinstance(answer, CallFailed):
        return {}
    return {
        row["variable"]["name"]: str(row.get("attributeValue", ""))
        for row in answer.payload["getVariableResult"]
        if row["attributeStatus"] == "Accepted"
    }


def _messages(ocpp: str, screen: Screen, texts: tuple[DriverText, ...]) -> Iterator[Any]:
    """The texts as messages: in 2.1 one holds them all, before that each has one of its own."""
    together = 1 + MORE_TEXTS_MAX if ocpp == "2.1" else 1
    for place, first in enumerate(range(0, len(texts), together)):
        head, *more = (_content(text, screen.format) for text in texts[first : first + together])
        info = datatypes21.MessageInfoType if ocpp == "2.1" else datatypes.MessageInfoType
        extra = {"message_extra": more} if more else {}
        yield call.SetDisplayMessage(
            message=info(
                id=FIRST_MESSAGE_ID + place,
                # Shown in turn with what else there is, and with the other languages.
                priority=enums.MessagePriorityEnumType.normal_cycle,
                message=head,
                **extra,
            )
        )


def _content(text: DriverText, format_: TextFormat | None) -> Any:
    return datatypes.MessageContentType(
        format=enums.MessageFormatEnumType(format_ or TextFormat.UTF8),
        content=text.text,
        language=text.language,
    )
