"""Cases about sessions and vehicles at the edges of managed time.

| kind | given | seen |
|---|---|---|
| edge | at, charger, edge, token or none | whether and when a running session is stopped |
| began | plugged, at, charger, presented | whether the mode started it |
| vehicle | plugged, charger, after_s, presented, charged, until | when it is recorded, and how |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from models.attempt import Attempt, AttemptKind
from models.charger import ChargerState, Connection
from models.decision import judge
from models.facts import gather
from models.governing import Governing
from models.ids import AttemptId, ChargerId, ConnectionId, GatewayInstance, RequestId, Slot
from models.reasons import Answer
from models.session_ends import (
    began_by_mode_change,
    edge_cause,
    edge_stop_at,
    no_identification,
    running_over_edge,
    unidentified_at,
)
from models.sessions import Occupation, Session, Sessions
from models.site import EdgeAction
from tests.rules.depots import SITE, Depot, presented

Case = Mapping[str, Any]
Seen = Callable[[str], Any]

LONG_S = timedelta(hours=12)


def seen_at_edge(case: Case) -> Seen:
    """A session that began an hour before the edge, in freevend (rule 12)."""
    depot, at = Depot(case), _utc(case["at"])
    governing = _governing(depot, case)
    session = _session(at - timedelta(hours=1), place=1)
    row = _row(governing, at, Sessions(running=(session,)))
    assert running_over_edge(session, row), "the case is about an edge to managed"
    site = governing.site.model_copy(
        update={
            "edge": EdgeAction(case["edge"]),
            "identify_within_s": case.get("identify_within_s", 300),
        }
    )
    spared = "token" in case and _admitted(depot, case, at)
    stop_at = None if spared else edge_stop_at(site, at)
    cause = edge_cause(site) if stop_at else None
    return {"spared": spared, "stop": stop_at, "cause": cause}.__getitem__


def seen_of_begin(case: Case) -> Seen:
    """A session whose energy began at `at`, of a vehicle that was plugged in earlier (rule 13)."""
    depot, at = Depot(case), _utc(case["at"])
    session = _session(at, place=1).model_copy(update={"token": case.get("presented")})
    vehicle = Occupation(place=1, since=_utc(case["plugged"]))
    sessions = Sessions(running=(session,), occupied=(vehicle,))
    row = _row(_governing(depot, case), at, sessions)
    return {"started_by_mode_change": began_by_mode_change(session, row)}.__getitem__


def seen_of_vehicle(case: Case) -> Seen:
    """A vehicle that stays for twelve hours, looked at whenever something may be due."""
    plugged = _utc(case["plugged"])
    depot = Depot({**case, "at": plugged})
    governing = _governing(depot, case)
    presented_at = case.get("presented")
    vehicle = Occupation(
        place=1,
        since=plugged,
        token_at=_utc(presented_at) if presented_at else None,
        served=case.get("charged", False),
    )
    until = _utc(case["until"]) if "until" in case else plugged + LONG_S
    recorded = _recorded_at(vehicle, governing, plugged, until, case["after_s"])
    if recorded is None:
        return {"recorded": None}.__getitem__
    row = _row(governing, recorded, Sessions(occupied=(vehicle,)))
    denial = no_identification(row, vehicle, governing, recorded)
    found = {
        "recorded": recorded,
        "reason": denial.reason,
        "support_text": denial.support_text,
        "told_status": denial.told_status,
        "would_deny": denial.would_deny,
        "next_change": denial.next_change_at,
    }
    return found.__getitem__


def _recorded_at(
    vehicle: Occupation, governing: Governing, since: datetime, until: datetime, after_s: int
) -> datetime | None:
    edges = [edge.at for edge in governing.timeline.edges(since, until)]
    for at in (since, *edges):
        due = unidentified_at(vehicle, _row(governing, at, Sessions()), after_s)
        if due is not None and due <= until:
            return due
    return None


def _row(governing: Governing, at: datetime, sessions: Sessions) -> ChargerState:
    interval = governing.timeline.at(at)
    link = Connection(
        connection_id=ConnectionId("0195-0001"),
        gateway_instance=GatewayInstance("gw"),
        slot=Slot(0),
        ocpp="2.0.1",
        since=at - timedelta(days=1),
    )
    return ChargerState(
        charger_id=governing.charger.charger_id,
        site_id=SITE,
        offset=0,
        desired=interval.mode,
        desired_since=interval.start or governing.site.loaded_at,
        connection=link,
        sessions=sessions,
        updated_at=at,
    )


def _session(began_at: datetime, place: int) -> Session:
    return Session(
        session_id="s",
        transaction_id="tx",
        place=place,
        began_at=began_at,
        energy_at=began_at,
        seen_at=began_at,
    )


def _admitted(depot: Depot, case: Case, at: datetime) -> bool:
    attempt = Attempt(
        request_id=RequestId("r"),
        attempt_id=AttemptId("r"),
        charger_id=ChargerId(case["charger"]),
        site_id=SITE,
        ocpp="2.0.1",
        kind=AttemptKind.TRANSACTION_EVENT,
        token=presented(case["token"], "2.0.1", depot.site),
        event_at=at,
        received_at=at,
        uncertainty_s=1.0,
    )
    return judge(attempt, gather(attempt, depot, at)).answer is not Answer.DENY


def _governing(depot: Depot, case: Case) -> Governing:
    governing = depot.governing(ChargerId(case["charger"]))
    assert governing is not None, "a case is about a charger of the depot"
    if "stage" not in case:
        return governing
    site = governing.site.model_copy(update={"stage": case["stage"]})
    return governing._replace(site=site, staged=None)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
