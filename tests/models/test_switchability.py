"""Which class a switch goes by, when it is asked anew, and when a charger may be rebooted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from models.capability import Claims, KeyClaim, SetClaim
from models.charger import ChargerState, Commanded, CommandStatus
from models.ids import CommandId
from models.modes import NextStep, reconcile
from models.profile_choice import EffectiveProfile, ProfileSource
from models.schedule import Mode
from models.sessions import Session, Sessions
from models.site import Reboot, Stage
from models.switchability import may_reset, settled_class, switch_ahead
from tests.models.test_proofs import AT, Sent, after, row
from tests.rules.depots import Depot

MICROOCPP = "microocpp"
MISSING = {"profile": MICROOCPP, "mode_key": KeyClaim.MISSING}
THERE = {"profile": MICROOCPP, "mode_key": KeyClaim.WRITABLE}


def named(profile: str) -> EffectiveProfile:
    return EffectiveProfile(profile, ProfileSource.NAMED)


def claiming(**claims: Any) -> ChargerState:
    return row(claims=Claims(**claims))


def step(state: ChargerState, profile: str = MICROOCPP, status: str | None = None) -> NextStep:
    last = Commanded(
        command_id=CommandId("c"),
        mode=Mode.MANAGED,
        sent_at=AT - timedelta(hours=1),
        attempts_count=1,
        status=status,
        profile=MICROOCPP,
    )
    return reconcile(
        Mode.MANAGED,
        last if status else None,
        None,
        state.connection,
        profile,
        Stage.ENFORCE,
        now=AT,
        capability=settled_class(state, named(profile)),
    )


@pytest.mark.parametrize(
    ("claims", "settled"),
    [
        (THERE, "partial"),
        (MISSING, "unsupported"),
        (THERE | {"set_status": SetClaim.NOT_SUPPORTED}, "unsupported"),
        (THERE | {"set_status": SetClaim.REJECTED}, None),
        ({"set_status": SetClaim.REJECTED}, None),
        (
            THERE
            | {"mode_key": KeyClaim.READ_ONLY, "mode": Mode.FREEVEND}
            | {"set_status": SetClaim.REJECTED},
            "unsupported",
        ),
        (THERE | {"mode_key": KeyClaim.READ_ONLY, "mode": Mode.MANAGED}, "partial"),
    ],
)
def test_a_class_is_gone_by_where_no_other_moment_would_change_it(
    claims: dict[str, Any], settled: str | None
) -> None:
    assert settled_class(claiming(**claims), named(MICROOCPP)) == settled


def test_a_charger_without_a_usable_setting_is_sent_no_switch() -> None:
    assert step(claiming(**MISSING)) is NextStep.NOT_SWITCHABLE
    assert step(claiming(**THERE)) is NextStep.SWITCH
    assert step(row()) is NextStep.SWITCH


def test_a_remote_start_makes_it_assisted_and_is_still_no_switch() -> None:
    state = claiming(**MISSING)
    proofs = state.proofs.model_copy(update={"remote_start_at": AT})
    assisted = state.model_copy(update={"proofs": proofs})
    assert settled_class(assisted, named(MICROOCPP)) == "assisted"
    assert step(assisted) is NextStep.NOT_SWITCHABLE


def test_what_it_just_said_is_told_as_a_failure_first() -> None:
    refused = claiming(**THERE, set_status=SetClaim.NOT_SUPPORTED)
    assert step(refused, status=CommandStatus.NOT_SUPPORTED) is NextStep.GIVE_UP
    assert step(refused) is NextStep.NOT_SWITCHABLE


def test_a_rejected_is_tried_again() -> None:
    rejected = claiming(**THERE, set_status=SetClaim.REJECTED)
    assert step(rejected, status=CommandStatus.REJECTED) is NextStep.SWITCH
    assert step(rejected) is NextStep.SWITCH


def test_another_profile_is_another_beginning() -> None:
    assert step(claiming(**MISSING), "easee") is NextStep.SWITCH
    refused = claiming(**THERE, set_status=SetClaim.NOT_SUPPORTED)
    assert step(refused, "easee", CommandStatus.NOT_SUPPORTED) is NextStep.SWITCH
    assert step(refused, "easee", CommandStatus.DONE) is NextStep.SWITCH


PROBED: Sent = (
    "Probed",
    None,
    {"status": "Accepted", "profile": MICROOCPP, "mode_key": "writable", "mode": "managed"},
)
BOOT: Sent = ("BootNotification", None, {"firmwareVersion": "1.0"})


@pytest.mark.parametrize("sent", [BOOT, PROBED])
@pytest.mark.parametrize("refusal", [SetClaim.NOT_SUPPORTED, SetClaim.REJECTED])
def test_a_boot_or_a_probe_that_finds_the_key_asks_again(sent: Sent, refusal: SetClaim) -> None:
    state = after(claiming(**THERE, set_status=refusal, firmware="1.0"), sent)
    assert state.claims is not None
    assert state.claims.set_status is None
    assert step(state) is NextStep.SWITCH


def test_a_boot_forgets_no_claim_but_a_refusal() -> None:
    taken = claiming(**THERE, set_status=SetClaim.TAKEN, read_back=True, firmware="1.0")
    assert after(taken, BOOT).claims == taken.claims


def test_a_probe_that_does_not_find_the_key_leaves_the_refusal() -> None:
    refused = claiming(**THERE, set_status=SetClaim.NOT_SUPPORTED)
    name, token, data = PROBED
    state = after(refused, (name, token, data | {"mode_key": "missing"}))
    assert settled_class(state, named(MICROOCPP)) == "unsupported"


@pytest.mark.parametrize(
    ("reboot", "sessions_count", "allowed"),
    [
        (Reboot.WHEN_IDLE, 0, True),
        (Reboot.WHEN_IDLE, 1, False),
        (Reboot.NEVER, 0, False),
        ("of-a-newer-version", 0, False),
    ],
)
def test_a_charger_is_rebooted_only_where_the_site_says_so_and_no_session_runs(
    reboot: str, sessions_count: int, allowed: bool
) -> None:
    session = Session(session_id="s", transaction_id="t", place=1, began_at=AT, seen_at=AT)
    state = row(sessions=Sessions(running=(session,) * sessions_count))
    assert may_reset(state, Depot({}).site.model_copy(update={"reboot": reboot})) is allowed


@pytest.mark.parametrize(
    ("mode", "status", "claims", "ahead"),
    [
        # Nothing was commanded yet: it waits for its turn.
        (None, None, THERE, True),
        (Mode.MANAGED, None, THERE, True),
        (Mode.MANAGED, CommandStatus.DONE, THERE, False),
        (Mode.MANAGED, CommandStatus.REJECTED, THERE, False),
        # An edge has passed, and its switch waits for its turn.
        (Mode.FREEVEND, CommandStatus.DONE, THERE, True),
        # None will come: it has no setting.
        (Mode.FREEVEND, CommandStatus.NOT_SUPPORTED, MISSING, False),
        (None, None, MISSING, False),
    ],
)
def test_what_is_less_urgent_waits_for_a_switch_that_comes(
    mode: Mode | None, status: CommandStatus | None, claims: dict[str, Any], ahead: bool
) -> None:
    last = mode and Commanded(
        command_id=CommandId("c"),
        mode=mode,
        sent_at=AT,
        attempts_count=1,
        status=status,
        profile=MICROOCPP,
    )
    state = claiming(**claims).model_copy(update={"commanded": last or None})
    assert switch_ahead(state, named(MICROOCPP)) is ahead
