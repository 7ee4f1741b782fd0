"""What charger events claim and prove: each row is what a charger sent, and what it then proved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.attempt import TokenKind
from models.capability import Claims, KeyClaim, Proofs, SetClaim
from models.charger import (
    ChargerEvent,
    ChargerState,
    Commanded,
    CommandResult,
    CommandStatus,
    Connection,
)
from models.clocks import ClockOffset
from models.ids import ChargerId, CommandId, ConnectionId, GatewayInstance, SiteId, Slot
from models.mode_events import apply_event
from models.schedule import Mode

AT = datetime(2026, 7, 14, 12, tzinfo=UTC)
CONNECTION = ConnectionId("0195-0001")
CARD, TAG = TokenKind.IDENTIFIED, TokenKind.FREEVEND_TAG

Sent = tuple[str, str | None, dict[str, Any]]


def row(**fields: Any) -> ChargerState:
    known: dict[str, Any] = {
        "charger_id": ChargerId("CP-1"),
        "site_id": SiteId("north"),
        "offset": 0,
        "desired": Mode.MANAGED,
        "connection": Connection(
            connection_id=CONNECTION,
            gateway_instance=GatewayInstance("gw"),
            slot=Slot(0),
            ocpp="1.6",
            since=AT - timedelta(hours=1),
        ),
        "firmware": "1.0",
        "updated_at": AT,
    }
    return ChargerState(**known | fields)


def event(name: str, token: str | None = None, /, **fields: Any) -> ChargerEvent:
    known: dict[str, Any] = {
        "event_id": "e",
        "charger_id": ChargerId("CP-1"),
        "site_id": SiteId("north"),
        "ocpp": "1.6",
        "connection_id": CONNECTION,
        "gateway_instance": GatewayInstance("gw"),
        "slot": Slot(0),
        "name": name,
        "received_at": AT,
        "token": token,
    }
    return ChargerEvent(**known | fields)


def after(state: ChargerState, *sent: Sent) -> ChargerState:
    for name, token, data in sent:
        state = apply_event(state, event(name, token, data=data), state.offset + 1)
    return state


def status(word: str) -> Sent:
    return ("StatusNotification", None, {"connectorId": 1, "status": word})


def start(token: str, at: datetime = AT) -> Sent:
    return ("StartTransaction", token, {"connectorId": 1, "timestamp": at.isoformat()})


ACCEPTED: Sent = ("StartAccepted", None, {"connector": 1})
OCCUPIED: Sent = ("StatusNotification", None, {"evseId": 1, "connectorStatus": "Occupied"})


def transaction(kind: str, charging: str | None, token: str | None = None, **more: Any) -> Sent:
    data = {"eventType": kind, "transactionInfo.transactionId": "t1", **more}
    if charging:
        data["transactionInfo.chargingState"] = charging
    if kind == "Started":
        data["evse.id"] = 1
    return ("TransactionEvent", token, data)


EV_CONNECTED = transaction("Started", "EVConnected")
CHARGING = transaction("Updated", "Charging")

TABLE: tuple[tuple[str, tuple[Sent, ...], set[str]], ...] = (
    # what                              sent                                             proves
    ("1.6: freevend tag", (start(TAG),), {"freevend_at", "withdrawn_at"}),
    ("1.6: replayed freevend tag", (start(TAG, AT - timedelta(days=1)),), set()),
    ("1.6: waits for a card", (status("Preparing"), start(CARD), ACCEPTED), {"managed_at"}),
    ("1.6: card that is denied", (status("Preparing"), start(CARD), status("Charging")), set()),
    (
        "1.6: energy before the card",
        (status("Preparing"), status("Charging"), start(CARD), ACCEPTED),
        set(),
    ),
    ("1.6: plug-in was not seen", (start(CARD), ACCEPTED), set()),
    (
        "1.6: unplugged before the card",
        (status("Preparing"), status("Available"), start(CARD), ACCEPTED),
        set(),
    ),
    (
        "2.x: NoAuthorization token",
        (transaction("Started", "Charging", TAG),),
        {"freevend_at", "withdrawn_at"},
    ),
    (
        "2.x: NoAuthorization with every value",
        (transaction("Started", "Charging", TAG), transaction("Updated", "Charging", TAG)),
        {"freevend_at", "withdrawn_at"},
    ),
    ("2.x: started without a token", (OCCUPIED, EV_CONNECTED), set()),
    ("2.x: energy without a token", (OCCUPIED, EV_CONNECTED, CHARGING), {"freevend_at"}),
    (
        "2.x: suspended is energy",
        (OCCUPIED, EV_CONNECTED, transaction("Updated", "SuspendedEV")),
        {"freevend_at"},
    ),
    ("2.x: beginning was not seen", (CHARGING,), set()),
    ("2.x: replayed", (transaction("Started", "Charging", TAG, offline=True),), set()),
    (
        "2.x: card with the energy",
        (OCCUPIED, transaction("Started", "Charging", CARD), ACCEPTED),
        {"managed_at"},
    ),
    (
        "2.x: card, then energy",
        (OCCUPIED, EV_CONNECTED, transaction("Updated", None, CARD), ACCEPTED, CHARGING),
        {"managed_at"},
    ),
    (
        "2.x: accepted, no energy",
        (OCCUPIED, EV_CONNECTED, transaction("Updated", None, CARD), ACCEPTED),
        set(),
    ),
    (
        "2.x: energy after a denial",
        (OCCUPIED, EV_CONNECTED, transaction("Updated", None, CARD), CHARGING, ACCEPTED),
        set(),
    ),
    (
        "2.x: second card accepted",
        (
            OCCUPIED,
            EV_CONNECTED,
            transaction("Updated", None, CARD),
            transaction("Updated", None, CARD),
            ACCEPTED,
            CHARGING,
        ),
        {"managed_at"},
    ),
    (
        "2.x: second card, energy flows",
        (
            OCCUPIED,
            transaction("Started", "Charging", CARD),
            transaction("Updated", None, CARD),
            ACCEPTED,
        ),
        set(),
    ),
    (
        "2.x: remote start",
        (OCCUPIED, transaction("Started", "Charging", triggerReason="RemoteStart")),
        {"remote_start_at"},
    ),
    (
        "2.x: remote, with its token",
        (OCCUPIED, transaction("Started", "Charging", CARD, triggerReason="RemoteStart"), ACCEPTED),
        {"remote_start_at"},
    ),
)


@pytest.mark.parametrize(("sent", "proved"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE])
def test_finding_4_only_behaviour_proves(sent: tuple[Sent, ...], proved: set[str]) -> None:
    proofs = after(row(), *sent).proofs
    assert set(proofs.model_dump(exclude_defaults=True)) == proved


def test_a_session_of_freevend_that_repeats_its_tag_in_managed_time_withdraws_nothing() -> None:
    begun = after(row(desired=Mode.FREEVEND), transaction("Started", "Charging", TAG))
    managed = begun.model_copy(update={"desired": Mode.MANAGED})
    told = event("TransactionEvent", TAG, data=CHARGING[2], received_at=AT + timedelta(hours=1))
    repeated = apply_event(managed, told, managed.offset + 1)
    assert (repeated.proofs, repeated.observed) == (begun.proofs, begun.observed)


def test_in_a_freevend_interval_nothing_is_withdrawn_and_managed_not_proven() -> None:
    freevend = row(desired=Mode.FREEVEND)
    assert after(freevend, start(TAG)).proofs == Proofs(freevend_at=AT)
    carded = after(freevend, status("Preparing"), start(CARD), ACCEPTED)
    assert carded.proofs == Proofs()


def test_a_freevend_start_during_a_switch_withdraws_nothing() -> None:
    switching = Commanded(
        command_id=CommandId("c"), mode=Mode.MANAGED, sent_at=AT, attempts_count=1
    )
    proofs = after(row(commanded=switching), start(TAG)).proofs
    assert proofs == Proofs(freevend_at=AT)


def test_what_is_proven_is_followed_on_and_can_be_withdrawn() -> None:
    proven = row(proofs=Proofs(freevend_at=AT, managed_at=AT))
    assert after(proven, status("Preparing")).places != ()
    assert not after(proven, start(TAG)).proofs.managed


def test_another_firmware_has_claimed_and_proven_nothing() -> None:
    known = row(claims=Claims(firmware="1.0"), proofs=Proofs(freevend_at=AT))
    same = after(known, ("BootNotification", None, {"firmwareVersion": "1.0"}))
    assert (same.claims, same.proofs) == (known.claims, known.proofs)
    newer = after(known, ("BootNotification", None, {"firmwareVersion": "2.0"}))
    assert (newer.claims, newer.proofs) == (None, Proofs())


PROBE = {"status": "Accepted", "profile": "microocpp", "mode_key": "writable", "mode": "managed"}


def test_a_probe_is_a_claim() -> None:
    claims = after(row(), ("Probed", None, PROBE)).claims
    assert claims == Claims(
        profile="microocpp",
        firmware="1.0",
        probed_at=AT,
        mode_key=KeyClaim.WRITABLE,
        mode=Mode.MANAGED,
    )
    assert after(row(), ("Probed", None, PROBE | {"status": "timed_out"})).claims is None


@pytest.mark.parametrize(
    ("detail", "observed", "claimed"),
    [
        ("Accepted", Mode.MANAGED, (SetClaim.TAKEN, True)),
        ("Accepted", Mode.FREEVEND, (SetClaim.TAKEN, False)),
        ("RebootRequired", None, (SetClaim.REBOOT_REQUIRED, False)),
        ("UnknownVariable", None, (SetClaim.NOT_SUPPORTED, False)),
        ("NotSupportedAttributeType", None, (SetClaim.NOT_SUPPORTED, False)),
        ("timed_out", None, None),
    ],
)
def test_the_answer_to_a_switch_is_a_claim(
    detail: str, observed: Mode | None, claimed: tuple[SetClaim, bool] | None
) -> None:
    commanded = Commanded(
        command_id=CommandId("c"), mode=Mode.MANAGED, sent_at=AT, attempts_count=1
    )
    result = CommandResult(
        command_id=CommandId("c"),
        status=CommandStatus.DONE,
        mode=Mode.MANAGED,
        observed=observed,
        detail=detail,
    )
    told = event("CommandResult", result=result)
    claims = apply_event(row(commanded=commanded), told, 1).claims
    found = None if claims is None else (claims.set_status, claims.read_back)
    assert found == claimed
    assert apply_event(row(), told, 1).claims is None


@pytest.mark.parametrize(
    ("behind", "clock", "proves"),
    [
        # It connected an hour ago, by the gateway's clock.
        (
            timedelta(hours=3),
            ClockOffset(offset_s=-10_800, uncertainty_s=2, readings_count=9),
            True,
        ),
        (timedelta(hours=3), None, False),
        (timedelta(minutes=60, seconds=30), None, True),
        (timedelta(days=2), ClockOffset(offset_s=-2e5, uncertainty_s=2, readings_count=9), False),
    ],
)
def test_rule_11_a_start_of_a_charger_whose_clock_is_behind_proves_what_it_shows(
    behind: timedelta, clock: ClockOffset | None, proves: bool
) -> None:
    proofs = after(row(clock=clock), start(TAG, AT - behind)).proofs
    assert (proofs.freevend_at is not None) is proves
