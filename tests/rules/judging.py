"""The kinds of cases, and how each is judged: a case in, what is seen of it out.

| kind | given | seen |
|---|---|---|
| decide (if none is said) | at, charger, token, known | the verdict, the schedule that governed |
| tell | the same, stage, fail, decision: in time or none | what is told, and what recorded |
| token | id, type, ocpp | how a presented token is read and shown |
| message | ocpp, action, payload | whether it is an attempt or an event |
| switch | desired, commanded, observed, … | what a charger is sent |
| session | at, charger, token, began, overstay | when its entitlement ends, and what follows |
| edge, began, vehicle | see judging_sessions.py | |
| load | files of a depot folder | every problem, and every notice |

What else a case may say of the depot is told at `Depot` (tests/rules/depots.py). More kinds are
rows of KINDS.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.cases import settled_with
from connectors.feeds.depot_folder import read_depot
from connectors.ocpp import v16, v201
from connectors.ocpp.presenting import presented_to_start
from connectors.ocpp.table import PresentedToken
from connectors.ocpp.tokens import reserved_for, token_of
from models.answers import barred, told_for
from models.attempt import Attempt, AttemptKind, Decision, ModeKnown, Outcome
from models.charger import Commanded, CommandStatus, Connection, Observed
from models.clocks import ClockOffset, JudgedTime, replay_time
from models.decision import decide
from models.denials import denial_of
from models.errors import DepotRefusedError
from models.facts import gather
from models.ids import (
    AttemptId,
    ChargerId,
    CommandId,
    ConnectionId,
    GatewayInstance,
    RequestId,
    Slot,
)
from models.modes import reconcile
from models.overstay import entitlement_end, overstaying
from models.profile_choice import findable_tags
from models.profiles import profile_named, reserved_tags
from models.reasons import Answer, Reason, wire_status
from models.schedule import Mode
from models.site import Overstay, Posture, Stage
from tests.rules.depots import PSEUDONYMS, SITE, Depot, presented
from tests.rules.judging_sessions import seen_at_edge, seen_of_begin, seen_of_vehicle

Case = Mapping[str, Any]
Seen = Callable[[str], Any]
"""Gives the counterpart of one expectation."""

LIVE_UNCERTAINTY_S = 1.0
SOME_TIME = datetime(2026, 7, 14, 20, 0, tzinfo=UTC)

CHARGERS = "charger_id,group,ocpp,security_profile,credential,profile,schedule\n"
IDENTITIES = "type,identifier,class,reference,valid_from,valid_to,state\n"
SITE_YAML = """\
site: depot
timezone: Europe/Berlin
schedules:
  - {id: nights, default: freevend}
schedule: nights
"""


def seen_of(case: Case) -> Seen:
    """What there is to see of a case, by the names that its expectations have."""
    return KINDS[case.get("kind", "decide")](case)


def decided(case: Case) -> Decision:
    """The decision of a case of kind `decide` or `tell`."""
    ocpp = case.get("ocpp", "2.0.1")
    replayed = case.get("replayed", False)
    at = case["at"].astimezone(UTC)
    depot = Depot(case)
    received_at = case.get("told_at", at).astimezone(UTC)
    clock = ClockOffset.model_validate(case["clock"]) if "clock" in case else None
    time = replay_time(at, received_at, clock) if replayed else JudgedTime(at, LIVE_UNCERTAINTY_S)
    attempt = Attempt(
        request_id=RequestId("r"),
        attempt_id=AttemptId("r"),
        charger_id=ChargerId(case["charger"]),
        site_id=SITE,
        ocpp=ocpp,
        kind=AttemptKind.AUTHORIZE,
        token=presented(case["token"], ocpp, depot.site),
        event_at=time.event_at,
        received_at=received_at,
        replayed=replayed,
        uncertainty_s=time.uncertainty_s,
        clock_offset_s=time.offset_s,
        time_doubt=time.doubt,
        mode=ModeKnown.model_validate(case["known"], strict=False) if "known" in case else None,
    )
    return decide(attempt, gather(attempt, depot, at))


_OF_SCHEDULE = {"window": "name", "scope": "scope", "layer": "layer", "starts": "starts_at"}
_OF_FACTS = ("stage", "site_revision", "identity_revision")
"""Expectations about what a decision was made from, and the field that answers each."""


def _decide(case: Case) -> Seen:
    decision = decided(case)
    verdict, schedule = decision.verdict, decision.facts.schedule

    def seen(what: str) -> Any:
        if what in _OF_SCHEDULE:
            return getattr(schedule, _OF_SCHEDULE[what]) if schedule else None
        if what in _OF_FACTS:
            return getattr(decision.facts, what)
        if what in _IN_OTHER_WORDS:
            return _IN_OTHER_WORDS[what](decision)
        found = getattr(verdict, what)
        return list(found) if isinstance(found, tuple) else found

    return seen


_IN_OTHER_WORDS: Mapping[str, Callable[[Decision], Any]] = {
    "judged_at": lambda decision: decision.attempt.event_at,
    "time_doubt": lambda decision: decision.attempt.time_doubt,
    "next_change": lambda decision: decision.verdict.next_change_at,
    "status": lambda decision: {
        ocpp: wire_status(decision.verdict.reason, ocpp) for ocpp in ("1.6", "2.0.1")
    },
    "texts": lambda decision: {
        decision.verdict.language: decision.verdict.driver_text,
        **{each.language: each.text for each in decision.verdict.more_texts},
    },
    "sources": lambda decision: [match.source for match in decision.facts.matches],
}


def _tell(case: Case) -> Seen:
    """An attempt's end: the decision applied, or the posture (rules 24 and 27)."""
    in_time = case.get("decision", "in time") == "in time"
    stage, posture = Stage(case.get("stage", "enforce")), Posture(case.get("fail", "closed"))
    decision = decided(case)
    verdict = decision.verdict if in_time else None
    mode = decision.facts.schedule.mode if decision.facts.schedule else None
    told = told_for(
        decision.attempt.ocpp,
        stage,
        verdict,
        posture=posture,
        freevend=(verdict is None or verdict.answer == Answer.ERROR) and mode is Mode.FREEVEND,
        barred=in_time and barred(decision.facts),
        languages=decision.facts.languages,
    )
    outcome = Outcome(
        request_id=decision.attempt.request_id,
        attempt=decision.attempt,
        connection_id=ConnectionId("c"),
        gateway_instance=GatewayInstance("g"),
        slot=Slot(0),
        stage=stage,
        schedule=decision.facts.schedule,
        verdict=verdict,
        reason=verdict.reason if verdict else Reason.DECISION_TIMED_OUT,
        posture=posture if told.basis == "posture" else None,
        told=told,
        answered_at=SOME_TIME,
        deadline_at=SOME_TIME,
        tries_count=1,
    )
    denial = denial_of(outcome)
    settled = settled_with(told, verdict, session=True)
    found = {
        **told.model_dump(),
        "cacheable": settled.cacheable,
        "session_stopped": settled.stop,
        "decided": verdict.answer if verdict else None,
        "reason": outcome.reason,
        "denial": None if denial is None else "would deny" if denial.would_deny else "denied",
        "misuse": denial.misuse if denial else None,
    }
    return found.__getitem__


def _token(case: Case) -> Seen:
    """A token as it leaves the gateway (rules 17 and 26)."""
    profile = case.get("profile", "standard")
    # Empty, as in chargers.csv: it is left to be found.
    of_profile = (
        reserved_tags(profile_named(profile)) if profile else findable_tags(case.get("ocpp"))
    )
    reserved = reserved_for(Depot({}).site, of_profile, case.get("read_back"))
    token = token_of(PresentedToken(str(case["id"]), case.get("type")), reserved, PSEUDONYMS)
    types = [each.identifier_type for each in token.candidates]
    found: dict[str, Any] = {"kind": token.kind, "display": token.display, "types": types}
    found["shows_identifier"] = str(case["id"]).strip() in token.model_dump_json()
    return found.__getitem__


def _message(case: Case) -> Seen:
    """Whether a message is an attempt, or only an event (rule 30)."""
    version = {"1.6": v16.VERSION, "2.0.1": v201.VERSION}[case["ocpp"]]
    action, payload = case["action"], case["payload"]
    presents = version.presented_token(action, payload) is not None
    attempt = presents and presented_to_start(action, payload)
    return {"is": "attempt" if attempt else "event"}.__getitem__


def _switch(case: Case) -> Seen:
    """What a charger is sent, with its three modes and its stage (rules 14, 16 and 27)."""
    commanded, observed, ocpp = case.get("commanded"), case.get("observed"), case.get("ocpp")
    last = Commanded(
        command_id=CommandId("c"),
        mode=Mode(commanded["mode"]),
        sent_at=SOME_TIME,
        attempts_count=commanded.get("tries", 1),
        status=CommandStatus(commanded["result"]) if "result" in commanded else None,
    ) if commanded else None  # fmt: skip
    connection = Connection(
        connection_id=ConnectionId("c"),
        gateway_instance=GatewayInstance("g"),
        slot=Slot(0),
        ocpp=ocpp or "2.0.1",
        since=SOME_TIME,
    )
    evidence = (
        Observed(mode=Mode(observed), at=SOME_TIME, evidence="read_back") if observed else None
    )
    step = reconcile(
        Mode(case["desired"]),
        last,
        evidence,
        connection if case.get("connected", True) else None,
        case.get("profile", "standard"),
        Stage(case.get("stage", "enforce")),
        now=SOME_TIME + timedelta(hours=1),
    )
    return {"step": step.value}.__getitem__


def _session(case: Case) -> Seen:
    """A session that runs: when its entitlement ends, and what the site makes of it (rule 29)."""
    decision = decided(case)
    began_at = case.get("began", case["at"]).astimezone(UTC)
    end = entitlement_end(decision.attempt, decision.facts, began_at)
    policy = Overstay.model_validate(case.get("overstay", {}), strict=False)
    following = overstaying(end, policy) if end else None
    found = {
        "ends": end.at if end else None,
        "by": end.reason if end else None,
        "stop": following.stop_at if following else None,
        "flag": following.flag if following else None,
    }
    return found.__getitem__


def _load(case: Case) -> Seen:
    """What `depotgate load` says of a folder whose other files are in order."""
    files = {"site.yaml": SITE_YAML, "chargers.csv": CHARGERS, "identities.csv": IDENTITIES}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**files, **case["files"]}.items():
            (Path(folder) / name).write_text(text)
        try:
            depot = read_depot(Path(folder), PSEUDONYMS, SOME_TIME)
        except DepotRefusedError as refused:
            found = {"problems": [str(problem) for problem in refused.problems], "notices": []}
        else:
            found = {"problems": [], "notices": [str(notice) for notice in depot.notices]}
    return found.__getitem__


KINDS: Mapping[str, Callable[[Case], Seen]] = {
    "decide": _decide,
    "tell": _tell,
    "token": _token,
    "message": _message,
    "switch": _switch,
    "session": _session,
    "edge": seen_at_edge,
    "began": seen_of_begin,
    "vehicle": seen_of_vehicle,
    "load": _load,
}
