"""A probe on one connection: keys by their names, and what was found as one event."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from connectors.ocpp.asking import BUSY, NoAnswerError, answered, unasked
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.key_reading import KeyReader
from connectors.ocpp.outgoing import ChargerBusyError
from connectors.ocpp.reporting import reported
from connectors.ocpp.session import CallAnswered, CallFailed, FailureCause
from connectors.ocpp.switching import call_step
from models.capability import KeyClaim
from models.charger import ChargerCommand, EventName, Scalar
from models.key_reading import SETTABLE_AT_ONCE, SETTABLE_BYTES, UNKNOWN, Payload, at_once, reading
from models.probing import TYPES, UNTOLD, KeyAnswer, Question, key_answer, questions
from models.profiles import Profile, WireCall, profile_named, row_on
from models.reports import refined
from models.token_types import joined, told_types

_ACCEPTED = "Accepted"


async def probe(connection: ChargerConnection, command: ChargerCommand) -> None:
    """Ask a charger what its profile needs to know, and tell what it said.

    The event holds which kinds of keys there are, the mode and types of tokens, and no other value:
    those may be tags.
    """
    profile = profile_named(command.profile)
    async with connection.command_turn:
        told, names = await _found(connection, command, profile)
    if names and row_on(connection.ocpp, profile).base_report:
        report = await reported(connection, names.values())
        if report is not None:
            told |= {
                about: refined(_claim(told[about]), report.claim(name))
                for about, name in names.items()
            }
    await connection.report(
        EventName.PROBED,
        about=f"{EventName.PROBED} {command.command_id}",
        data={"commandId": command.command_id, "profile": command.profile, **told},
    )


def _claim(told: Scalar) -> KeyClaim | None:
    return KeyClaim(told) if isinstance(told, str) else None


Found = tuple[dict[str, Scalar], dict[str, str]]
"""What to tell, and by which name each key was found of which it is not known if it can be set."""


async def _found(connection: ChargerConnection, command: ChargerCommand, profile: Profile) -> Found:
    unsent = unasked(connection, command)
    if unsent is not None:
        return {"status": unsent}, {}
    asked = questions(connection.ocpp, profile)
    if not asked:
        return {"status": "no key"}, {}
    reader = KeyReader(connection, partial(_call, connection))
    try:
        answers = await _answers(connection, profile, asked, reader)
    except ChargerBusyError:
        return {"status": BUSY}, {}
    except NoAnswerError as fault:
        return {"status": str(fault)}, {}
    if reader.malformed_count and all(answer is UNTOLD for _, answer in answers.values()):
        return {"status": FailureCause.INVALID_RESULT}, {}
    return _told(connection, answers)


def _told(connection: ChargerConnection, answers: Answers) -> Found:
    told: dict[str, Scalar] = {"status": _ACCEPTED}
    names: dict[str, str] = {}
    for about, (name, answer) in answers.items():
        if about == TYPES:
            told[TYPES] = _token_types(connection, answer)
            continue
        told[about] = answer.claim
        if answer.claim is KeyClaim.PRESENT:
            names[about] = name
        if about == "mode_key":
            told["mode"] = answer.mode
    return told, names


def _token_types(connection: ChargerConnection, answer: KeyAnswer) -> str | None:
    if answer.value is None:
        return None
    site = connection.site
    return joined(told_types(answer.value, site.identifier_types if site else ()))


Answers = dict[str, tuple[str, KeyAnswer]]
"""By what a question is about: the first spelling that is known, or the last, and the answer."""


async def _answers(
    connection: ChargerConnection,
    profile: Profile,
    asked: tuple[Question, ...],
    reader: KeyReader,
) -> Answers:
    """Every question asked, the next spelling of those whose last one was not known.

    Raises:
        NoAnswerError, ChargerBusyError: as `KeyReader.read`.
    """
    found: Answers = {each.about: (each.names[-1], UNTOLD) for each in asked}
    limits = _limits(connection)
    for place in range(max(len(each.names) for each in asked)):
        names = {each.about: each.names[place] for each in asked if place < len(each.names)}
        told = await reader.read((*names.values(), *limits))
        for about, name in names.items():
            if name in told:
                found[about] = name, key_answer(connection.ocpp, profile, name, told[name])
        if SETTABLE_AT_ONCE in told:
            connection.settings_at_once = _settable_at_once(connection, told)
        # Once: a charger that refused them does so again.
        limits = ()
        asked = tuple(each for each in asked if found[each.about][1].to_ask_again)
        if not asked:
            break
    return found


def _limits(connection: ChargerConnection) -> tuple[str, ...]:
    """Beside the questions: how many settings the next switch may send in one message."""
    known = connection.ocpp == "1.6" or connection.settings_at_once is not None
    return () if known else (SETTABLE_AT_ONCE, SETTABLE_BYTES)


def _settable_at_once(connection: ChargerConnection, told: Mapping[str, Payload]) -> int:
    items, room = (
        reading(connection.ocpp, name, told[name]) if name in told else UNKNOWN
        for name in (SETTABLE_AT_ONCE, SETTABLE_BYTES)
    )
    return at_once(items, room)


async def _call(connection: ChargerConnection, step: WireCall) -> CallAnswered | CallFailed:
    return answered(await call_step(connection, step))
