"""Which event takes the place of which while Kafka is away."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.publishing import held_key
from models.charger import ChargerEvent, EventName, Scalar
from models.ids import ChargerId, ConnectionId, GatewayInstance, SiteId, Slot

AT = datetime(2026, 3, 1, 6, tzinfo=UTC)


def event(name: str, event_id: str, **data: Scalar) -> ChargerEvent:
    return ChargerEvent(
        event_id=event_id,
        charger_id=ChargerId("CP-1"),
        site_id=SiteId("depot"),
        ocpp="2.0.1",
        connection_id=ConnectionId("c"),
        gateway_instance=GatewayInstance("gw"),
        slot=Slot(0),
        name=name,
        received_at=AT,
        data=data,
    )


@pytest.mark.parametrize(
    ("name", "place", "other"),
    [
        ("StatusNotification", {"connectorId": 1}, {"connectorId": 2}),
        ("StatusNotification", {"evseId": 1, "connectorId": 1}, {"evseId": 2, "connectorId": 1}),
        (EventName.START_ANSWERED, {"connector": 1}, {"connector": 2}),
        (EventName.START_ACCEPTED, {"connector": 1}, {"connector": 2}),
    ],
)
def test_the_newest_of_each_place_is_kept(
    name: str, place: dict[str, Scalar], other: dict[str, Scalar]
) -> None:
    first = held_key(event(name, "a", **place))
    assert held_key(event(name, "b", **place)) == first
    assert held_key(event(name, "c", **other)) != first


@pytest.mark.parametrize("name", [EventName.SESSION_STOPPED, EventName.DECISION_LATE])
def test_what_tells_of_one_session_is_kept_each(name: str) -> None:
    assert held_key(event(name, "a")) != held_key(event(name, "b"))
