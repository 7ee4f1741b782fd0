"""Whatever a charger answers, a command ends, and what came of it is told (design, 10)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.charger import CommandKind, EventName
from models.ids import CommandId
from models.key_reading import AT_ONCE_MAX, apart, at_once, reading
from models.local_list import list_version
from models.offline_state import ListEntry, OfflineOrder
from models.probing import key_answer, questions
from models.profiles import (
    PROFILES,
    Setting,
    read_back_mode,
    read_back_tag,
    refused_names,
    set_status,
    setting,
    tuning_calls,
)
from models.reasons import OcppVersion
from models.reports import Report
from models.schedule import Mode
from models.screens import TextFormat, screen_of
from models.site import OfflinePolicy
from models.token_types import NAMED, OTHER, joined, split, told_types
from tests.connectors.ocpp.calls import Stand, Wire, running, until
from tests.connectors.ocpp.offline_charger import CARDS, knowing, pseudonym
from tests.connectors.ocpp.test_commands import command, desk
from tests.connectors.ocpp.test_displays import TEXTS

VERSIONS: tuple[OcppVersion, ...] = ("1.6", "2.0.1", "2.1")
PROFILE: dict[str, str] = {"1.6": "microocpp", "2.0.1": "standard", "2.1": "standard"}

WITHIN_S = 30.0
"""For what takes milliseconds: an example draws its answers meanwhile, on a busy machine."""

# What a schema lets through, and what it does not.

WORDS = (
    "Accepted", "Rejected", "RebootRequired", "NotSupported", "Scheduled", "Failed",
    "VersionMismatch", "UnknownComponent", "UnknownVariable", "NotSupportedAttributeType",
    "NotSupportedPriority", "NotSupportedState", "NotSupportedMessageFormat", "UnknownTransaction",
    "LanguageNotSupported", "Unknown", "EmptyResultSet", "AcceptedInOcpp22", "",
)  # fmt: skip
words = st.sampled_from(WORDS)
numbers = st.sampled_from([0, 1, -1, 2**31 - 1, 2**31, 2**63 - 1, 1.0, 1e300, 0.5])
values = st.one_of(
    st.sampled_from(["true", "FALSE", "1", "0", "-1", "²", "9" * 30, "", " ", "UTF8,ASCII,,"]),
    st.text(max_size=20),
    st.just("x" * 2500),
)
FIELDS = (
    "status", "statusInfo", "configurationKey", "unknownKey", "key", "readonly", "value",
    "getVariableResult", "setVariableResult", "attributeStatus", "attributeValue", "attributeType",
    "component", "variable", "name", "instance", "evse", "listVersion", "versionNumber",
    "requestId", "seqNo", "tbc", "reportData", "variableAttribute", "mutability", "type",
)  # fmt: skip
anything: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, words, values),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from(FIELDS), anything, max_size=5)


def valid(draw: st.DrawFn, action: str, asked: dict[str, Any]) -> dict[str, Any]:
    """An answer of the right form with whatever words and values."""
    match action:
        case "GetConfiguration":
            names = st.sampled_from([*asked["key"], "Other"])
            row = st.fixed_dictionaries(
                {"key": names, "readonly": st.booleans()}, optional={"value": values}
            )
            rows = draw(st.lists(row, max_size=3))
            return {"configurationKey": rows, "unknownKey": draw(st.lists(names, max_size=2))}
        case "GetVariables" | "SetVariables":
            verb = action[:3].lower()
            rows = asked[f"{verb}VariableData"]
            named = st.sampled_from(
                [{k: row[k] for k in ("component", "variable")} for row in rows]
            )
            told: dict[str, st.SearchStrategy[Any]] = {"attributeStatus": words}
            row = st.tuples(
                named,
                st.fixed_dictionaries(
                    told, optional={"attributeValue": values} if verb == "get" else {}
                ),
            ).map(lambda pair: pair[0] | pair[1])
            return {f"{verb}VariableResult": draw(st.lists(row, min_size=1, max_size=5))}
        case "GetLocalListVersion":
            number = draw(numbers)
            return {"listVersion": number, "versionNumber": number}
    return {"status": draw(words)}


@st.composite
def answers(draw: st.DrawFn, frame: list[Any]) -> list[Any]:
    """A frame that answers a call, in one way or another."""
    match draw(st.sampled_from(["valid", "valid", "valid", "any", "error", "huge"])):
        case "valid":
            return [3, frame[1], valid(draw, frame[2], frame[3])]
        case "any":
            return [3, frame[1], draw(objects)]
        case "huge":
            return [3, frame[1], {"status": "x" * 70_000}]
    code = draw(
        st.sampled_from(["NotSupported", "InternalError", "OccurrenceConstraintViolation", "?"])
    )
    return [4, frame[1], code, draw(st.text(max_size=5)), {}]


class Odd:
    """A charger that answers every call as hypothesis likes."""

    def __init__(self, wire: Wire, data: st.DataObject) -> None:
        self._wire = wire
        self._data = data

    async def answer(self) -> None:
        done = 0
        while True:
            await asyncio.sleep(0)
            while done < len(self._wire.sent):
                frame = self._wire.sent[done]
                done += 1
                if frame[0] == 2:
                    self._wire.receive(*self._data.draw(answers(frame)))
                    if frame[2] == "GetBaseReport":
                        # Nobody waits for more parts than these: the connection ends.
                        self._wire.cut()


ORDER = OfflineOrder(
    policy=OfflinePolicy.OWN_FLEET,
    entries=tuple(ListEntry(pseudonym=pseudonym(card)) for card in CARDS),
)
ENDS: dict[CommandKind, EventName] = {
    CommandKind.SWITCH: EventName.COMMAND_RESULT,
    CommandKind.RESET: EventName.COMMAND_RESULT,
    CommandKind.PROBE: EventName.PROBED,
    CommandKind.READ_BACK: EventName.READ_BACK,
    CommandKind.OFFLINE: EventName.OFFLINE_SET,
    CommandKind.STOP: EventName.SESSION_STOPPED,
    CommandKind.ANNOUNCE: EventName.ANNOUNCED,
}


@pytest.fixture(scope="module")
def stand_with_identities(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Stand]:
    known = knowing(Stand(), tmp_path_factory.mktemp("identities")).services.identities

    def stand() -> Stand:
        made = Stand()
        made.services = replace(made.services, identities=known)
        return made

    return stand


@pytest.mark.parametrize("kind", ENDS)
@given(st.data())
@settings(max_examples=min(25, settings().max_examples))
def test_a_command_ends_with_its_event_whatever_is_answered(
    stand_with_identities: Callable[[], Stand], kind: CommandKind, data: st.DataObject
) -> None:
    versions = VERSIONS[1:] if kind is CommandKind.ANNOUNCE else VERSIONS
    ocpp = data.draw(st.sampled_from(versions))
    asyncio.run(_ends(stand_with_identities(), kind, ocpp, data))


async def _ends(stand: Stand, kind: CommandKind, ocpp: OcppVersion, data: st.DataObject) -> None:
    fields: dict[str, Any] = {
        "profile": PROFILE[ocpp],
        "command_id": CommandId("odd"),
        "transaction_id": "7",
        "offline": ORDER,
        "texts": TEXTS if kind is CommandKind.ANNOUNCE else (),
        "kind": kind,
    }
    async with running(stand, ocpp) as (connection, wire):
        answering = asyncio.create_task(Odd(wire, data).answer())
        desk(stand).take(command(connection, **fields))
        await until(lambda: stand.events.named(ENDS[kind]) or answering.done(), WITHIN_S)
        answering.cancel()
        with suppress(asyncio.CancelledError):
            await answering
    (event,) = stand.events.named(ENDS[kind])
    assert orjson.dumps(event.model_dump(mode="json"))


@given(objects, values)
@pytest.mark.parametrize("ocpp", VERSIONS)
def test_readers_find_what_they_look_for_or_nothing_whatever_an_answer_holds(
    ocpp: OcppVersion, payload: dict[str, Any], value: str
) -> None:
    profile = PROFILES[PROFILE[ocpp]]
    names = [name for question in questions(ocpp, profile) for name in question.names]
    parts = apart(ocpp, names, payload)
    assert parts.keys() <= set(names)
    for name in names:
        for told in (payload, parts.get(name, {})):
            assert 1 <= at_once(reading(ocpp, name, told)) <= AT_ONCE_MAX
        assert key_answer(ocpp, profile, name, payload).mode in {None, *Mode}
    assert read_back_mode(ocpp, profile, payload) in {None, *Mode}
    assert read_back_tag(ocpp, profile, payload) != ""
    assert setting(set_status(ocpp, payload)) in set(Setting)
    asked = tuning_calls(ocpp)[0]
    assert set(refused_names(ocpp, asked, payload)) <= set(asked.names)
    assert (list_version(payload) or 0) >= 0


@given(values)
def test_words_of_a_variable_are_known_ones_or_nothing(value: str) -> None:
    types = told_types(value, ("BUSBADGE",))
    assert set(types) <= {*NAMED, "BUSBADGE", OTHER}
    assert split(joined(types)) == (types or None)
    screen = screen_of(
        dict.fromkeys(("Available", "PersonalMessageSize", "SupportedFormats"), value)
    )
    assert screen.available in {None, True, False}
    assert screen.format in {None, *TextFormat}


@given(st.lists(objects, max_size=4))
def test_a_report_tells_of_what_was_asked_whatever_its_parts_hold(
    parts: list[dict[str, Any]],
) -> None:
    report = Report.of(1, ["AuthCtrlr.Enabled"])
    for part in parts:
        report = report.with_part(part | {"requestId": 1})
    assert report.told.keys() <= report.wanted
    assert len(report.seen) <= len(parts)
    assert not report.whole or report.seen == set(range(len(report.seen)))
