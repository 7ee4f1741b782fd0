"""Of the authenticated connections of a charger the newest wins (design, what always holds, 8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.ocpp.registry import Registry
from connectors.telemetry.metrics import Metrics
from models.ids import ChargerId, ConnectionId, SiteId
from models.metrics import CONNECTED
from models.reasons import OcppVersion
from models.site import ChargerRecord
from tests.connectors.ocpp.chargers import SITE, charger_record


@dataclass(eq=False)
class Line:
    """A connection that remembers how it was told to close."""

    name: str
    charger: ChargerRecord = field(default_factory=charger_record)
    ocpp: OcppVersion = "2.0.1"
    closed: list[tuple[int, str]] = field(default_factory=list)

    @property
    def connection_id(self) -> ConnectionId:
        return ConnectionId(self.name)

    def close(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("gateway")


@pytest.fixture
def registry(metrics: Metrics) -> Registry[Line]:
    return Registry(metrics)


def connected(metrics: Metrics, site: str = SITE, ocpp: str = "2.0.1") -> float | None:
    labels = {"site": site, "ocpp": ocpp}
    return metrics.registry.get_sample_value(CONNECTED.name, labels)


CP1 = ChargerId("CP-1")


def test_the_newest_wins_and_the_older_one_is_told_to_close(registry: Registry[Line]) -> None:
    older, newer = Line("1"), Line("2")
    registry.enter(older)
    assert registry.of(CP1) is older
    registry.enter(newer)
    assert registry.of(CP1) is newer
    assert older.closed == [(1008, "replaced by a newer connection")]
    assert newer.closed == []


def test_an_older_connection_is_held_until_it_has_ended(registry: Registry[Line]) -> None:
    older, newer = Line("1"), Line("2")
    registry.enter(older)
    registry.enter(newer)
    assert registry.by_id(older.connection_id) is older
    assert registry.every() == (older, newer)
    registry.leave(older)
    assert registry.by_id(older.connection_id) is None
    assert registry.of(CP1) is newer
    assert len(registry) == 1


def test_chargers_do_not_replace_each_other(registry: Registry[Line]) -> None:
    one, two = Line("1"), Line("2", charger_record("CP-2"))
    registry.enter(one)
    registry.enter(two)
    assert one.closed == []
    assert registry.of(CP1) is one


def test_leaving_twice_is_leaving_once(registry: Registry[Line], metrics: Metrics) -> None:
    line = Line("1")
    registry.enter(line)
    registry.leave(line)
    registry.leave(line)
    assert registry.of(CP1) is None
    assert connected(metrics) == 0


def test_connections_are_counted_by_site_and_version(
    registry: Registry[Line], metrics: Metrics
) -> None:
    south = charger_record("CP-3", site_id=SiteId("south"))
    for line in (Line("1"), Line("2", charger_record("CP-2")), Line("3", south, "1.6")):
        registry.enter(line)
    assert connected(metrics) == 2
    assert connected(metrics, "south", "1.6") == 1


# A row that changes


@pytest.mark.parametrize(
    ("changed", "closes"),
    [
        ({"verifier": "hash:hmac-sha256:k2:00"}, True),
        ({"security_profile": 0, "verifier": None}, True),
        ({"ocpp": "2.0.1"}, True),
        ({"site_id": SiteId("south")}, True),
        ({"schedule": "night", "group": "yard", "profile": "easee", "revision": "2"}, False),
        ({}, False),
    ],
)
def test_a_connection_ends_when_its_terms_change(
    changed: dict[str, Any], closes: bool, registry: Registry[Line]
) -> None:
    line = Line("1")
    registry.enter(line)
    registry.charger_changed(CP1, line.charger.model_copy(update=changed))
    assert bool(line.closed) is closes


def test_the_connection_of_a_removed_charger_ends(registry: Registry[Line]) -> None:
    line, other = Line("1"), Line("2", charger_record("CP-2"))
    registry.enter(line)
    registry.enter(other)
    registry.charger_changed(CP1, None)
    assert line.closed == [(1008, "this charging station was removed")]
    assert other.closed == []


def test_a_change_of_a_charger_that_is_not_connected_is_nothing(registry: Registry[Line]) -> None:
    registry.charger_changed(CP1, charger_record())
    registry.charger_changed(CP1, None)
    assert registry.every() == ()


def test_a_rotated_key_closes_no_connection_and_another_password_does(
    registry: Registry[Line],
) -> None:
    """Rule 26: under another epoch the same password has another verifier."""
    line = Line("1", charger_record(verifier="hash:hmac-sha256:k1:aa"))
    registry.enter(line)
    rotated = charger_record(
        verifier="hash:hmac-sha256:k2:bb", earlier_verifiers=("hash:hmac-sha256:k1:aa",)
    )
    registry.charger_changed(CP1, rotated)
    assert line.closed == []
    other = charger_record(
        verifier="hash:hmac-sha256:k2:cc", earlier_verifiers=("hash:hmac-sha256:k1:dd",)
    )
    registry.charger_changed(CP1, other)
    assert line.closed == [(1008, "the terms of this connection were changed")]
