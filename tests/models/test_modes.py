"""Every cell of the reconciliation table, and what each charger event does to a row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from models.attempt import TokenKind
from models.charger import (
    ChargerEvent,
    ChargerState,
    Commanded,
    CommandResult,
    CommandStatus,
    Connection,
    EventName,
    Observed,
)
from models.ids import ChargerId, CommandId, ConnectionId, GatewayInstance, SiteId, Slot
from models.modes import (
    ANY,
    ATTEMPTS_MAX,
    EXPIRES_AFTER_S,
    RESEND_AFTER_S,
    RULES,
    Link,
    NextStep,
    Order,
    Seen,
    apply_event,
    command_id,
    end_overdue,
    enter_stage,
    link_of,
    order_of,
    reconcile,
    resend_due,
    seen_of,
    step_of,
    superseded_connection,
    tries_left,
)
from models.reasons import OcppVersion
from models.schedule import Mode
from models.site import Stage

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OLDER, OLD, NEW = (ConnectionId(f"0195-000{number}") for number in range(3))
"""Connection ids in the order of time, as UUIDv7 are."""

NOTHING, WAIT, SWITCH, GIVE_UP = (
    NextStep.NOTHING,
    NextStep.WAIT,
    NextStep.SWITCH,
    NextStep.GIVE_UP,
)
# fmt: off
ENFORCED = {
    # order, tries left      agrees    differs   unknown
    (Order.NONE, True):     (NOTHING,  SWITCH,   SWITCH),   # finding 9: asserted on every boot
    (Order.NONE, False):    (NOTHING,  SWITCH,   SWITCH),   # tries at the other mode do not count
    (Order.OPPOSED, True):  (SWITCH,   SWITCH,   SWITCH),   # the newer command supersedes
    (Order.OPPOSED, False): (SWITCH,   SWITCH,   SWITCH),
    (Order.SENT, True):     (WAIT,     WAIT,     WAIT),
    (Order.SENT, False):    (WAIT,     WAIT,     WAIT),
    (Order.DONE, True):     (NOTHING,  SWITCH,   NOTHING),  # finding 4: Accepted proves nothing
    (Order.DONE, False):    (NOTHING,  GIVE_UP,  NOTHING),
    (Order.FAILED, True):   (NOTHING,  SWITCH,   SWITCH),
    (Order.FAILED, False):  (NOTHING,  GIVE_UP,  GIVE_UP),
}
# fmt: on
CELLS = list(product(Stage, Link, Order, Seen, (True, False)))


def step_expected(stage: Stage, link: Link, order: Order, seen: Seen, tries: bool) -> NextStep:
    if stage is Stage.OFF or link is Link.ABSENT:
        return NextStep.NOTHING  # rule 27; rule 14: connecting asks again
    if link is Link.FIXED:
        return NextStep.NOT_SWITCHABLE
    if stage is Stage.SHADOW:
        return NextStep.NOTHING if seen is Seen.AGREES else NextStep.WOULD_SWITCH
    return ENFORCED[order, tries][list(Seen).index(seen)]


@pytest.mark.parametrize(("stage", "link", "order", "seen", "tries"), CELLS)
def test_every_cell_of_the_table(
    stage: Stage, link: Link, order: Order, seen: Seen, tries: bool
) -> None:
    expected = step_expected(stage, link, order, seen, tries)
    assert step_of(stage, link, order, seen, tries_left=tries) is expected


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
def test_rule_27_only_enforce_sends_anything(stage: Stage) -> None:
    steps = {
        step_of(stage, link, order, seen, tries_left=tries)
        for at, link, order, seen, tries in CELLS
        if at is stage
    }
    assert steps.isdisjoint({NextStep.SWITCH, NextStep.WAIT, NextStep.GIVE_UP})


def test_every_row_of_the_table_decides_some_cell() -> None:
    deciding = {
        next(
            number
            for number, rule in enumerate(RULES)
            if all(one is ANY or one is so for one, so in zip(rule[:-1], cell, strict=True))
        )
        for cell in CELLS
    }
    assert deciding == set(range(len(RULES)))


def connection(
    connection_id: ConnectionId = OLD, *, gateway: str = "gw-1", ocpp: OcppVersion = "1.6"
) -> Connection:
    return Connection(
        connection_id=connection_id,
        gateway_instance=GatewayInstance(gateway),
        slot=Slot(3),
        ocpp=ocpp,
        since=NOON,
    )


def commanded(
    mode: Mode = Mode.MANAGED,
    status: CommandStatus | str | None = None,
    attempts_count: int = 1,
    resent_at: datetime | None = None,
) -> Commanded:
    return Commanded(
        command_id=CommandId("command-1"),
        mode=mode,
        sent_at=NOON,
        attempts_count=attempts_count,
        status=status,
        resent_at=resent_at,
    )


def observed(mode: Mode, evidence: str = "read_back") -> Observed:
    return Observed(mode=mode, at=NOON, evidence=evidence)


def row(**fields: Any) -> ChargerState:
    known: dict[str, Any] = {
        "charger_id": ChargerId("CP-1"),
        "site_id": SiteId("north"),
        "offset": 10,
        "desired": Mode.MANAGED,
        "desired_since": NOON,
        "mode_unknown_since": NOON,
        "connection": connection(),
        "updated_at": NOON,
    }
    return ChargerState(**{**known, **fields})


def event(name: str, connection_id: ConnectionId = OLD, **fields: Any) -> ChargerEvent:
    known: dict[str, Any] = {
        "event_id": "event-1",
        "charger_id": ChargerId("CP-1"),
        "site_id": SiteId("north"),
        "ocpp": "1.6",
        "gateway_instance": GatewayInstance("gw-2"),
        "slot": Slot(5),
        "received_at": NOON + timedelta(minutes=1),
    }
    return ChargerEvent(name=name, connection_id=connection_id, **{**known, **fields})


def result(
    status: CommandStatus | str, read_back: Mode | None, command: str = "command-1"
) -> CommandResult:
    return CommandResult(
        command_id=CommandId(command),
        status=status,
        mode=Mode.MANAGED,
        observed=read_back,
        detail="Accepted",
    )


def next_step(state: ChargerState, *, profile: str = "microocpp") -> NextStep:
    return reconcile(
        state.desired, state.commanded, state.observed, state.connection, profile, Stage.ENFORCE
    )


# Reducing what is known to the values of the table.


@pytest.mark.parametrize(
    ("ocpp", "profile", "link"),
    [
        ("1.6", "microocpp", Link.SWITCHABLE),
        ("1.6", "standard", Link.FIXED),
        ("1.6", "alfen", Link.FIXED),
        ("2.0.1", "standard", Link.SWITCHABLE),
        ("2.0.1", "alfen", Link.SWITCHABLE),
        ("2.0.1", "of-a-newer-version", Link.FIXED),
    ],
)
def test_a_link_is_switchable_where_the_profile_has_a_setting(
    ocpp: OcppVersion, profile: str, link: Link
) -> None:
    assert link_of(connection(ocpp=ocpp), profile) is link
    assert link_of(None, profile) is Link.ABSENT


@pytest.mark.parametrize(
    ("last", "order"),
    [
        (None, Order.NONE),
        (commanded(Mode.MANAGED), Order.SENT),
        (commanded(Mode.FREEVEND), Order.OPPOSED),
        (commanded(Mode.FREEVEND, CommandStatus.DONE), Order.NONE),
        (commanded(Mode.FREEVEND, CommandStatus.FAILED), Order.NONE),
        (commanded(Mode.MANAGED, CommandStatus.DONE), Order.DONE),
        (commanded(Mode.MANAGED, CommandStatus.REJECTED), Order.FAILED),
        (commanded(Mode.MANAGED, CommandStatus.FAILED), Order.FAILED),
        (commanded(Mode.MANAGED, CommandStatus.TIMED_OUT), Order.FAILED),
        (commanded(Mode.MANAGED, CommandStatus.EXPIRED), Order.FAILED),
        (commanded(Mode.MANAGED, "of-a-newer-version"), Order.FAILED),
    ],
)
def test_an_order_is_the_last_command_against_the_desired_mode(
    last: Commanded | None, order: Order
) -> None:
    assert order_of(Mode.MANAGED, last) is order


def test_evidence_and_tries_are_compared_with_the_desired_mode() -> None:
    assert seen_of(Mode.MANAGED, None) is Seen.UNKNOWN
    assert seen_of(Mode.MANAGED, observed(Mode.MANAGED)) is Seen.AGREES
    assert seen_of(Mode.MANAGED, observed(Mode.FREEVEND)) is Seen.DIFFERS
    assert tries_left(None)
    assert tries_left(commanded(attempts_count=ATTEMPTS_MAX - 1))
    assert not tries_left(commanded(attempts_count=ATTEMPTS_MAX))


def test_nothing_is_done_while_nothing_governs_the_charger() -> None:
    assert next_step(row(desired=None)) is NextStep.NOTHING


# Events.


def test_an_event_at_or_below_the_row_is_skipped() -> None:
    state = row()
    for offset in (9, 10):
        assert apply_event(state, event(EventName.DISCONNECTED), offset) == state
    assert apply_event(state, event(EventName.DISCONNECTED), 11).connection is None


def test_an_event_that_means_nothing_for_the_mode_moves_only_the_offset() -> None:
    state = row(observed=observed(Mode.MANAGED))
    applied = apply_event(state, event("MeterValues"), 11)
    assert applied == state.model_copy(update={"offset": 11})


def test_finding_9_a_newer_connection_wins_and_makes_the_mode_unknown() -> None:
    state = row(commanded=commanded(status=CommandStatus.DONE), observed=observed(Mode.MANAGED))
    assert next_step(state) is NextStep.NOTHING
    arrived = event(EventName.CONNECTED, NEW, site_id=SiteId("south"))
    applied = apply_event(state, arrived, 11)
    assert applied.connection == Connection(
        connection_id=NEW,
        gateway_instance=GatewayInstance("gw-2"),
        slot=Slot(5),
        ocpp="1.6",
        since=arrived.received_at,
    )
    assert (applied.commanded, applied.observed) == (None, None)
    assert applied.mode_unknown_since == applied.updated_at == arrived.received_at
    assert applied.site_id == "south"
    assert next_step(applied) is NextStep.SWITCH


@pytest.mark.parametrize("connection_id", [OLDER, OLD])
def test_an_older_or_repeated_connect_changes_nothing(connection_id: ConnectionId) -> None:
    state = row(commanded=commanded(), observed=observed(Mode.MANAGED))
    applied = apply_event(state, event(EventName.CONNECTED, connection_id), 11)
    assert applied == state.model_copy(update={"offset": 11})


def test_a_charger_that_was_away_connects_whatever_its_last_connection() -> None:
    applied = apply_event(row(connection=None), event(EventName.CONNECTED, OLDER), 11)
    assert applied.connection is not None


def test_only_the_current_connection_can_be_lost() -> None:
    state = row(observed=observed(Mode.FREEVEND))
    assert apply_event(state, event(EventName.DISCONNECTED, OLDER), 11).connection is not None
    gone = apply_event(state, event(EventName.DISCONNECTED, OLD), 11)
    assert gone.connection is None
    assert gone.observed == state.observed
    assert next_step(gone) is NextStep.NOTHING


@pytest.mark.parametrize(
    "data",
    [
        {"chargePointVendor": "Maker", "chargePointModel": "M1", "firmwareVersion": "2.3"},
        {
            "chargingStation.vendorName": "Maker",
            "chargingStation.model": "M1",
            "chargingStation.firmwareVersion": "2.3",
        },
    ],
)
def test_finding_9_a_boot_tells_the_make_and_makes_the_mode_unknown(data: dict[str, str]) -> None:
    state = row(
        commanded=commanded(status=CommandStatus.DONE, attempts_count=ATTEMPTS_MAX),
        observed=observed(Mode.MANAGED),
        firmware="2.2",
    )
    applied = apply_event(state, event("BootNotification", data=data), 11)
    assert (applied.vendor, applied.model, applied.firmware) == ("Maker", "M1", "2.3")
    assert (applied.commanded, applied.observed) == (None, None)
    assert next_step(applied) is NextStep.SWITCH


def test_a_boot_right_after_the_connect_keeps_the_command_that_is_on_its_way() -> None:
    state = row(commanded=commanded(), observed=observed(Mode.FREEVEND))
    applied = apply_event(state, event("BootNotification"), 11)
    assert applied.commanded == state.commanded
    assert applied.observed is None
    assert applied.vendor is None
    assert next_step(applied) is NextStep.WAIT


def test_a_boot_on_a_connection_that_was_replaced_changes_nothing() -> None:
    state = row(observed=observed(Mode.MANAGED), vendor="Maker")
    applied = apply_event(state, event("BootNotification", OLDER), 11)
    assert applied == state.model_copy(update={"offset": 11})


def test_a_result_ends_its_command_and_brings_the_read_back() -> None:
    ending = event(EventName.COMMAND_RESULT, result=result(CommandStatus.DONE, Mode.MANAGED))
    applied = apply_event(row(commanded=commanded()), ending, 11)
    assert applied.commanded == commanded(status=CommandStatus.DONE)
    assert applied.observed == Observed(
        mode=Mode.MANAGED, at=ending.received_at, evidence="read_back"
    )
    assert next_step(applied) is NextStep.NOTHING


def test_finding_4_an_accepted_that_reads_back_the_old_mode_is_tried_again() -> None:
    lying = event(EventName.COMMAND_RESULT, result=result(CommandStatus.DONE, Mode.FREEVEND))
    first = apply_event(row(commanded=commanded()), lying, 11)
    assert next_step(first) is NextStep.SWITCH
    last = apply_event(row(commanded=commanded(attempts_count=ATTEMPTS_MAX)), lying, 11)
    assert next_step(last) is NextStep.GIVE_UP


@pytest.mark.parametrize(
    ("status", "step"),
    [
        (CommandStatus.DONE, NextStep.NOTHING),
        (CommandStatus.TIMED_OUT, NextStep.SWITCH),
        ("of-a-newer-version", NextStep.SWITCH),
    ],
)
def test_without_a_read_back_what_was_seen_before_counts_no_more(
    status: CommandStatus | str, step: NextStep
) -> None:
    state = row(commanded=commanded(), observed=observed(Mode.MANAGED))
    ending = event(EventName.COMMAND_RESULT, result=result(status, None))
    applied = apply_event(state, ending, 11)
    assert applied.observed is None
    assert next_step(applied) is step


@pytest.mark.parametrize(
    ("state", "ending"),
    [
        (row(), result(CommandStatus.DONE, Mode.MANAGED)),
        (row(commanded=commanded()), result(CommandStatus.DONE, Mode.FREEVEND, "superseded")),
        (row(commanded=commanded()), None),
        (
            row(commanded=commanded(status=CommandStatus.EXPIRED)),
            result(CommandStatus.DONE, Mode.FREEVEND),
        ),
    ],
)
def test_a_result_of_another_command_changes_nothing(
    state: ChargerState, ending: CommandResult | None
) -> None:
    applied = apply_event(state, event(EventName.COMMAND_RESULT, result=ending), 11)
    assert applied == state.model_copy(update={"offset": 11})


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("StartTransaction", {}),
        ("TransactionEvent", {"eventType": "Started"}),
        ("TransactionEvent", {"eventType": "Updated", "offline": False}),
    ],
)
def test_finding_4_a_start_with_the_freevend_tag_proves_freevend(
    name: str, data: dict[str, Any]
) -> None:
    state = row(commanded=commanded(status=CommandStatus.DONE), observed=observed(Mode.MANAGED))
    start = event(name, data=data, token=TokenKind.FREEVEND_TAG)
    applied = apply_event(state, start, 11)
    assert applied.observed == Observed(
        mode=Mode.FREEVEND, at=start.received_at, evidence="behaviour"
    )
    assert next_step(applied) is NextStep.SWITCH


@pytest.mark.parametrize(
    ("name", "data", "token"),
    [
        ("TransactionEvent", {"eventType": "Ended"}, "freevend_tag"),
        ("TransactionEvent", {"eventType": "Started", "offline": True}, "freevend_tag"),
        ("TransactionEvent", {"eventType": "Started"}, None),
        ("StartTransaction", {}, "identified"),
        ("StopTransaction", {}, "freevend_tag"),
        ("Authorize", {}, "freevend_tag"),
    ],
)
def test_an_end_a_replay_or_another_token_proves_nothing(
    name: str, data: dict[str, Any], token: str | None
) -> None:
    state = row(observed=observed(Mode.MANAGED))
    applied = apply_event(state, event(name, data=data, token=token), 11)
    assert applied == state.model_copy(update={"offset": 11})


# Two connections at once.


def test_the_older_of_two_connections_is_told_to_close_whichever_is_heard_of_last() -> None:
    newer = superseded_connection(row(), event(EventName.CONNECTED, NEW))
    assert newer == connection(OLD)
    older = superseded_connection(row(), event(EventName.CONNECTED, OLDER))
    assert older is not None
    assert (older.connection_id, older.slot) == (OLDER, 5)


def test_nothing_is_closed_without_a_second_gateway() -> None:
    same = event(EventName.CONNECTED, NEW, gateway_instance=GatewayInstance("gw-1"))
    assert superseded_connection(row(), same) is None
    assert superseded_connection(row(connection=None), event(EventName.CONNECTED, NEW)) is None
    assert superseded_connection(row(), event("BootNotification", NEW)) is None


# Commands.


def test_a_command_id_is_the_same_for_whoever_sends_it() -> None:
    state = row()
    taken_over = ChargerState.decode(state.encode())
    assert command_id(taken_over, 1) == command_id(state, 1)


@pytest.mark.parametrize(
    "other",
    [
        row(desired=Mode.FREEVEND),
        row(desired_since=NOON - timedelta(hours=1)),
        row(mode_unknown_since=NOON + timedelta(seconds=5)),
        row(connection=connection(NEW)),
        row(charger_id=ChargerId("CP-2")),
    ],
)
def test_a_new_reason_to_command_is_a_new_id(other: ChargerState) -> None:
    assert command_id(other, 1) != command_id(row(), 1)
    assert command_id(row(), 2) != command_id(row(), 1)


def test_a_timetable_changed_and_changed_back_is_a_new_reason_to_command() -> None:
    first = row(commanded=None)
    # Managed was commanded, then freevend; and now managed again, since the same edge as before.
    again = row(commanded=commanded(Mode.FREEVEND, CommandStatus.DONE))
    assert command_id(again, 1) != command_id(first, 1)


def test_an_outstanding_command_is_repeated_until_its_result() -> None:
    soon, due = (NOON + timedelta(seconds=after) for after in (RESEND_AFTER_S - 1, RESEND_AFTER_S))
    assert not resend_due(commanded(), soon)
    assert resend_due(commanded(), due)
    assert not resend_due(commanded(resent_at=soon), due)
    assert not resend_due(commanded(status=CommandStatus.DONE), due)


def test_a_command_whose_result_never_comes_expires_and_is_tried_again() -> None:
    state = row(commanded=commanded(resent_at=NOON + timedelta(seconds=170)))
    due = NOON + timedelta(seconds=EXPIRES_AFTER_S)
    assert end_overdue(state, due - timedelta(seconds=1)) == state
    ended = end_overdue(state.model_copy(update={"observed": observed(Mode.MANAGED)}), due)
    assert ended.commanded is not None
    assert ended.commanded.status is CommandStatus.EXPIRED
    assert ended.observed is None
    assert next_step(ended) is NextStep.SWITCH
    for untouched in (row(), row(commanded=commanded(status=CommandStatus.DONE))):
        assert end_overdue(untouched, due) == untouched


def test_rule_27_entering_enforce_pushes_the_mode_whatever_is_known() -> None:
    known = row(stage=Stage.SHADOW, observed=observed(Mode.MANAGED, "behaviour"))
    assert next_step(known) is NextStep.NOTHING
    later = NOON + timedelta(minutes=2)
    entered = enter_stage(known, Stage.ENFORCE, later)
    assert (entered.stage, entered.mode_unknown_since) == (Stage.ENFORCE, later)
    assert next_step(entered) is NextStep.SWITCH


def test_whoever_notices_that_enforce_was_entered_arrives_at_the_same_command_id() -> None:
    known = row(stage=Stage.SHADOW, observed=observed(Mode.MANAGED, "behaviour"))
    set_at = NOON + timedelta(minutes=2)
    noticed, noticed_by_the_next = (enter_stage(known, Stage.ENFORCE, set_at) for _ in range(2))
    assert command_id(noticed, 1) == command_id(noticed_by_the_next, 1)
    # What is known of a charger is never older than its connection.
    early = enter_stage(known, Stage.ENFORCE, NOON - timedelta(days=1))
    assert early.mode_unknown_since == NOON


def test_staying_in_enforce_or_leaving_it_forgets_nothing() -> None:
    enforced = row(stage=Stage.ENFORCE, observed=observed(Mode.MANAGED))
    assert enter_stage(enforced, Stage.ENFORCE, NOON) == enforced
    left = enter_stage(enforced, Stage.SHADOW, NOON)
    assert (left.stage, left.observed) == (Stage.SHADOW, enforced.observed)
    fresh = row(stage=None, mode_unknown_since=NOON)
    assert enter_stage(fresh, Stage.ENFORCE, NOON + timedelta(hours=1)).mode_unknown_since == NOON
