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
    CommandKind,
    CommandResult,
    CommandStatus,
    Connection,
    EventName,
    Observed,
)
from models.ids import ChargerId, CommandId, ConnectionId, GatewayInstance, SiteId, Slot
from models.mode_commands import (
    ATTEMPTS_MAX,
    EXPIRES_AFTER_S,
    JITTER,
    REBOOT_WITHIN,
    RESEND_AFTER_S,
    RETRY_FACTOR,
    RETRY_FIRST_S,
    Tries,
    command_id,
    end_overdue,
    pause_ends_at,
    resend_due,
    tries_of,
)
from models.mode_events import (
    DRIFT_APART,
    apply_event,
    enter_stage,
    superseded_connection,
)
from models.modes import (
    ANY,
    RULES,
    Link,
    NextStep,
    Order,
    Seen,
    link_of,
    order_of,
    reconcile,
    seen_of,
    step_of,
)
from models.reasons import OcppVersion
from models.schedule import Mode
from models.site import Stage

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OLDER, OLD, NEW = (ConnectionId(f"0195-000{number}") for number in range(3))
"""Connection ids in the order of time, as UUIDv7 are."""

NOTHING, WAIT, SWITCH, HOLD, RESET, BOOT, GIVE_UP = (
    NextStep.NOTHING,
    NextStep.WAIT,
    NextStep.SWITCH,
    NextStep.HOLD,
    NextStep.RESET,
    NextStep.AWAIT_BOOT,
    NextStep.GIVE_UP,
)
# fmt: off
ENFORCED = {
    # order                     agrees    differs   unknown
    Order.NONE:                (NOTHING,  SWITCH,   SWITCH),   # finding 9: asserted on every boot
    Order.OPPOSED:             (SWITCH,   SWITCH,   SWITCH),   # the newer command supersedes
    Order.SENT:                (WAIT,     WAIT,     WAIT),
    Order.REBOOTING:           (HOLD,     HOLD,     HOLD),
    Order.UNKNOWN_KEY:         (NOTHING,  GIVE_UP,  GIVE_UP),  # the same words change nothing
}
RESTING = {
    # order, tries              agrees    differs   unknown
    (Order.DONE, Tries.LEFT):      (NOTHING,  SWITCH,   NOTHING),  # finding 4: proves nothing
    (Order.DONE, Tries.PAUSED):    (NOTHING,  HOLD,     NOTHING),
    (Order.DONE, Tries.USED_UP):   (NOTHING,  GIVE_UP,  NOTHING),
    # It was seen before or in spite of the switch: the switch once more tells which.
    (Order.DOUBTED, Tries.LEFT):    (NOTHING,  SWITCH,   SWITCH),
    (Order.DOUBTED, Tries.PAUSED):  (NOTHING,  HOLD,     HOLD),
    (Order.DOUBTED, Tries.USED_UP): (NOTHING,  GIVE_UP,  GIVE_UP),
    (Order.FAILED, Tries.LEFT):    (NOTHING,  SWITCH,   SWITCH),
    (Order.FAILED, Tries.PAUSED):  (NOTHING,  HOLD,     HOLD),
    (Order.FAILED, Tries.USED_UP): (NOTHING,  GIVE_UP,  GIVE_UP),
}
# fmt: on
CELLS = list(product(Stage, Link, Order, Seen, Tries, (True, False)))


def step_expected(  # noqa: PLR0917 - the columns of the table
    stage: Stage, link: Link, order: Order, seen: Seen, tries: Tries, may_reset: bool
) -> NextStep:
    if stage is Stage.OFF or link is Link.ABSENT:
        return NextStep.NOTHING  # rule 27; rule 14: connecting asks again
    if stage is Stage.ENFORCE and (link, order) == (Link.FIXED, Order.UNKNOWN_KEY):
        return NextStep.GIVE_UP  # told once
    if link is Link.FIXED:
        return NextStep.NOT_SWITCHABLE
    if stage is Stage.SHADOW:
        return NextStep.NOTHING if seen is Seen.AGREES else NextStep.WOULD_SWITCH
    if order is Order.STORED:
        reboot = RESET if may_reset else BOOT
        return NOTHING if seen is Seen.AGREES else reboot
    steps = ENFORCED.get(order) or RESTING[order, tries]
    return steps[list(Seen).index(seen)]


def test_every_cell_of_the_table() -> None:
    steps = {cell: step_of(*cell[:5], may_reset=cell[5]) for cell in CELLS}
    assert steps == {cell: step_expected(*cell) for cell in CELLS}
    assert len(steps) == 3 * 3 * 9 * 3 * 3 * 2
    assert set(steps.values()) == set(NextStep)


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
def test_rule_27_only_enforce_sends_anything(stage: Stage) -> None:
    steps = {step_of(*cell[:5], may_reset=cell[5]) for cell in CELLS if cell[0] is stage}
    assert steps <= {NextStep.NOTHING, NextStep.WOULD_SWITCH, NextStep.NOT_SWITCHABLE}


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


LATER = NOON + timedelta(hours=1)
"""Long after every pause."""


def next_step(
    state: ChargerState, *, profile: str = "microocpp", now: datetime = LATER, **known: Any
) -> NextStep:
    return reconcile(
        state.desired,
        state.commanded,
        state.observed,
        state.connection,
        profile,
        Stage.ENFORCE,
        now=now,
        **known,
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
        (
            commanded(Mode.MANAGED, CommandStatus.DONE).model_copy(update={"doubted": True}),
            Order.DOUBTED,
        ),
        (commanded(Mode.MANAGED, CommandStatus.REBOOT_REQUIRED), Order.STORED),
        (commanded(Mode.MANAGED, CommandStatus.NOT_SUPPORTED), Order.UNKNOWN_KEY),
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
    assert order_of(Mode.MANAGED, last, NOON) is order


def test_evidence_and_tries_are_compared_with_the_desired_mode() -> None:
    assert seen_of(Mode.MANAGED, None) is Seen.UNKNOWN
    assert seen_of(Mode.MANAGED, observed(Mode.MANAGED)) is Seen.AGREES
    assert seen_of(Mode.MANAGED, observed(Mode.FREEVEND)) is Seen.DIFFERS
    assert tries_of(None, NOON) is Tries.LEFT
    last = commanded(attempts_count=ATTEMPTS_MAX - 1)
    assert tries_of(last, NOON) is Tries.PAUSED
    assert tries_of(last, LATER) is Tries.LEFT
    assert tries_of(commanded(attempts_count=ATTEMPTS_MAX), LATER) is Tries.USED_UP


def test_a_charger_whose_class_has_no_setting_is_not_switched() -> None:
    for capability in ("assisted", "unsupported"):
        assert link_of(connection(), "microocpp", capability) is Link.FIXED
        assert next_step(row(), capability=capability) is NextStep.NOT_SWITCHABLE
    for usable in ("full", "partial", "of-a-newer-version", None):
        assert link_of(connection(), "microocpp", usable) is Link.SWITCHABLE


def test_pauses_grow_and_no_two_chargers_come_back_together() -> None:
    ids = [CommandId(f"command-{number}") for number in range(200)]
    for attempts_count in range(1, ATTEMPTS_MAX):
        pauses = {
            pause_ends_at(
                commanded(status=CommandStatus.FAILED, attempts_count=attempts_count).model_copy(
                    update={"command_id": each, "ended_at": NOON}
                )
            )
            - NOON
            for each in ids
        }
        middle_s = RETRY_FIRST_S * RETRY_FACTOR ** (attempts_count - 1)
        assert len(pauses) == len(ids)
        assert min(pauses) >= timedelta(seconds=middle_s * (1 - JITTER))
        assert max(pauses) <= timedelta(seconds=middle_s * (1 + JITTER))


def test_a_pause_is_counted_from_the_end_of_the_command() -> None:
    failed = commanded(status=CommandStatus.FAILED)
    ended = failed.model_copy(update={"ended_at": NOON + timedelta(seconds=30)})
    assert pause_ends_at(ended) - pause_ends_at(failed) == timedelta(seconds=30)
    state = row(commanded=ended)
    assert next_step(state, now=NOON + timedelta(seconds=31)) is NextStep.HOLD
    assert next_step(state, now=NOON + timedelta(seconds=33)) is NextStep.SWITCH


# Settings that need a reboot.


def stored(mode: Mode = Mode.MANAGED, read_back: Mode | None = Mode.MANAGED) -> CommandResult:
    return CommandResult(
        command_id=CommandId("command-1"),
        status=CommandStatus.REBOOT_REQUIRED,
        mode=mode,
        observed=None,
        detail="RebootRequired",
        stored=read_back,
        refused=("LocalPreAuthorize",),
    )


def ending(told: CommandResult) -> ChargerEvent:
    return event(EventName.COMMAND_RESULT, result=told)


def test_a_stored_mode_waits_for_a_boot_or_gets_one_where_that_is_allowed() -> None:
    state = apply_event(row(commanded=commanded()), ending(stored()), 11)
    assert (state.stored_mode, state.observed) == (Mode.MANAGED, None)
    assert state.refused == ("LocalPreAuthorize",)
    assert next_step(state) is NextStep.AWAIT_BOOT
    assert next_step(state, may_reset=True) is NextStep.RESET


def test_a_charger_that_asks_for_a_reboot_after_every_boot_is_rebooted_once() -> None:
    state = apply_event(row(commanded=commanded()), ending(stored()), 11)
    state = apply_event(state, event("BootNotification"), 12)
    assert (state.stored_mode, state.booted_with) == (None, Mode.MANAGED)
    assert next_step(state, may_reset=True) is NextStep.SWITCH
    for offset in (13, 15):
        state = state.model_copy(update={"commanded": commanded()})
        state = apply_event(state, ending(stored()), offset)
        assert next_step(state, may_reset=True) is NextStep.NOTHING
        assert state.observed is not None
        # Finding 9: it boots daily, and is asked again each time.
        state = apply_event(state, event("BootNotification"), offset + 1)
        assert next_step(state, may_reset=True) is NextStep.SWITCH


@pytest.mark.parametrize(
    ("told", "step"),
    [
        (stored(Mode.FREEVEND, Mode.FREEVEND), NextStep.RESET),
        (stored(Mode.MANAGED, Mode.FREEVEND), NextStep.RESET),
        (stored(Mode.MANAGED, None), NextStep.NOTHING),
    ],
)
def test_only_the_mode_that_it_booted_with_is_in_force(told: CommandResult, step: NextStep) -> None:
    state = row(commanded=commanded(told.mode), desired=told.mode, booted_with=Mode.MANAGED)
    state = apply_event(state, ending(told), 11)
    assert next_step(state, may_reset=True) is step


def test_a_charger_that_needs_no_reboot_any_more_forgets_what_was_stored() -> None:
    state = row(commanded=commanded(), stored_mode=Mode.FREEVEND, booted_with=Mode.MANAGED)
    state = apply_event(state, ending(result(CommandStatus.DONE, Mode.MANAGED)), 11)
    assert (state.stored_mode, state.booted_with) == (None, None)


def test_a_reset_that_no_boot_follows_is_a_failed_try() -> None:
    reset = commanded().model_copy(update={"kind": CommandKind.RESET})
    state = row(commanded=reset, stored_mode=Mode.MANAGED)
    state = apply_event(state, ending(result(CommandStatus.DONE, None)), 11)
    assert state.commanded is not None
    assert state.commanded.ended_at is not None
    gone_at = state.commanded.ended_at + REBOOT_WITHIN
    assert next_step(state, now=gone_at - timedelta(seconds=1)) is NextStep.HOLD
    assert next_step(state, now=gone_at) is NextStep.SWITCH


def test_a_refused_reset_is_tried_again_with_the_switch_before_it() -> None:
    reset = commanded(attempts_count=2).model_copy(update={"kind": CommandKind.RESET})
    state = apply_event(row(commanded=reset), ending(result(CommandStatus.REJECTED, None)), 11)
    assert next_step(state) is NextStep.SWITCH
    assert command_id(state, 3) != command_id(state, 3, CommandKind.RESET)


# Drift found later (rule 16).


def freevend_start(after: timedelta) -> ChargerEvent:
    return event("StartTransaction", token=TokenKind.FREEVEND_TAG, received_at=NOON + after)


@pytest.mark.parametrize(
    ("status", "attempts_count"),
    [
        (CommandStatus.DONE, 1),
        (CommandStatus.DONE, ATTEMPTS_MAX),
        (CommandStatus.FAILED, ATTEMPTS_MAX),
        (CommandStatus.NOT_SUPPORTED, 1),
    ],
)
def test_rule_16_contrary_behaviour_begins_again_even_where_it_was_given_up(
    status: CommandStatus, attempts_count: int
) -> None:
    last = commanded(status=status, attempts_count=attempts_count)
    state = row(commanded=last, observed=observed(Mode.MANAGED))
    drifted = apply_event(state, freevend_start(DRIFT_APART), 11)
    assert drifted.observed is not None
    assert drifted.observed.evidence == "behaviour"
    assert next_step(drifted) is NextStep.SWITCH
    assert command_id(drifted, 1) != command_id(state.model_copy(update={"commanded": None}), 1)


def test_contrary_behaviour_repeated_at_once_uses_the_tries_that_are_left() -> None:
    state = row(commanded=commanded(status=CommandStatus.DONE, attempts_count=ATTEMPTS_MAX))
    soon = apply_event(state, freevend_start(DRIFT_APART - timedelta(seconds=1)), 11)
    assert soon.commanded == state.commanded
    assert next_step(soon) is NextStep.GIVE_UP


@pytest.mark.parametrize(
    "last",
    [
        commanded(),
        commanded(status=CommandStatus.REBOOT_REQUIRED),
        commanded(Mode.FREEVEND, CommandStatus.DONE),
        commanded(status=CommandStatus.DONE).model_copy(update={"kind": CommandKind.RESET}),
    ],
)
def test_behaviour_that_a_command_on_its_way_explains_is_no_new_beginning(last: Commanded) -> None:
    applied = apply_event(row(commanded=last), freevend_start(DRIFT_APART), 11)
    assert applied.commanded == last


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
    assert applied.commanded == commanded(status=CommandStatus.DONE).model_copy(
        update={"ended_at": ending.received_at}
    )
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
    ("status", "kept"),
    [
        (CommandStatus.REJECTED, True),
        (CommandStatus.NOT_SUPPORTED, True),
        (CommandStatus.DONE, False),
        (CommandStatus.FAILED, False),
        (CommandStatus.TIMED_OUT, False),
        (CommandStatus.EXPIRED, False),
    ],
)
def test_rule_16_what_was_seen_during_a_switch_stands_only_if_it_was_refused(
    status: CommandStatus, kept: bool
) -> None:
    last = commanded()
    meanwhile = Observed(
        mode=Mode.FREEVEND, at=last.sent_at + timedelta(seconds=1), evidence="behaviour"
    )
    ending = event(EventName.COMMAND_RESULT, result=result(status, None))
    applied = apply_event(row(commanded=last, observed=meanwhile), ending, 11)
    assert applied.observed == (meanwhile if kept else None)


@pytest.mark.parametrize(
    ("seen", "seen_after_s", "read", "step"),
    [
        # The charger may have begun before it carried the switch out, or in spite of it.
        (Mode.FREEVEND, 1, None, NextStep.SWITCH),
        # A setting that was read back afterwards says which.
        (Mode.FREEVEND, 1, Mode.MANAGED, NextStep.NOTHING),
        # It agrees, or is older than the switch.
        (Mode.MANAGED, 1, None, NextStep.NOTHING),
        (Mode.FREEVEND, -1, None, NextStep.NOTHING),
    ],
)
def test_rule_16_a_switch_during_which_the_other_mode_was_seen_is_sent_once_more(
    seen: Mode, seen_after_s: int, read: Mode | None, step: NextStep
) -> None:
    last = commanded()
    at = last.sent_at + timedelta(seconds=seen_after_s)
    state = row(commanded=last, observed=Observed(mode=seen, at=at, evidence="behaviour"))
    ending = event(EventName.COMMAND_RESULT, result=result(CommandStatus.DONE, read))
    applied = apply_event(state, ending, 11)
    assert next_step(applied) is step
    if step is NextStep.SWITCH:
        # No drift either way, and the second one stands where nothing was seen during it.
        assert applied.observed is None
        again = applied.model_copy(update={"commanded": commanded(attempts_count=2)})
        done = apply_event(again, ending, 12)
        assert next_step(done) is NextStep.NOTHING


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
