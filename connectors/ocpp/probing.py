"""A probe on one connection: each key by its name, and what was found as one event."""

from __future__ import annotations

from connectors.ocpp.asking import BUSY, NoAnswerError, obstacle
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.outgoing import ChargerBusyError
from connectors.ocpp.reporting import reported
from connectors.ocpp.session import CallFailed, FailureCause
from connectors.ocpp.switching import call_step
from models.capability import KeyClaim
from models.charger import ChargerCommand, EventName, Scalar
from models.probing import TYPES, KeyAnswer, Question, key_answer, probe_call, questions
from models.profiles import Profile, profile_named, row_on
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
    unsent = obstacle(connection, command)
    if unsent is not None:
        return {"status": unsent}, {}
    if connection.silent:
        # The call before it had no answer: 30 s more would keep the next switch waiting, whose
        # answer says that the charger speaks again.
        return {"status": FailureCause.TIMED_OUT}, {}
    asked = questions(connection.ocpp, profile)
    if not asked:
        return {"status": "no key"}, {}
    told: dict[str, Scalar] = {"status": _ACCEPTED}
    names: dict[str, str] = {}
    try:
        for question in asked:
            name, answer = await _ask(connection, profile, question)
            if question.about == TYPES:
                told[TYPES] = _token_types(connection, answer)
                continue
            told[question.about] = answer.claim
            if answer.claim is KeyClaim.PRESENT:
                names[question.about] = name
            if question.about == "mode_key":
                told["mode"] = answer.mode
    except ChargerBusyError:
        return {"status": BUSY}, {}
    except NoAnswerError as fault:
        return {"status": str(fault)}, {}
    return told, names


def _token_types(connection: ChargerConnection, answer: KeyAnswer) -> str | None:
    if answer.value is None:
        return None
    site = connection.site
    return joined(told_types(answer.value, site.identifier_types if site else ()))


async def _ask(
    connection: ChargerConnection, profile: Profile, question: Question
) -> tuple[str, KeyAnswer]:
    """The first spelling that is known, or the last one, and the answer under it."""
    name, answer = question.names[-1], KeyAnswer(None, None)
    for name in question.names:
        outcome = await call_step(connection, probe_call(connection.ocpp, name))
        if isinstance(outcome, CallFailed):
            if outcome.cause is not FailureCause.CALL_ERROR:
                raise NoAnswerError(outcome.cause)
            continue
        answer = key_answer(connection.ocpp, profile, name, outcome.payload)
        if answer.claim is not KeyClaim.MISSING:
            break
    return name, answer
