"""The class of a charger, row by row, and what speaks for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from models.capability import (
    CLASSES,
    Capability,
    Claims,
    KeyClaim,
    Limit,
    Proofs,
    SetClaim,
    Setting,
    classify,
    limits_of,
    setting_of,
)
from models.schedule import Mode

AT = datetime(2026, 7, 14, 12, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
TAKEN: dict[str, Any] = {
    "mode_key": KeyClaim.WRITABLE,
    "set_status": SetClaim.TAKEN,
    "read_back": True,
    "set_at": AT,
}
SEEN: dict[str, Any] = {"freevend_at": AT, "managed_at": AT}
REMOTE: dict[str, Any] = {"remote_start_at": AT}

FULL, PARTIAL, ASSISTED, UNSUPPORTED = Capability

# fmt: off
TABLE: tuple[tuple[str, dict[str, Any], dict[str, Any], Capability], ...] = (
    # what                      claims                                       proofs  class
    ("all of it",               TAKEN,                                       SEEN,   FULL),
    ("a tag key that is there", TAKEN | {"tag_key": KeyClaim.WRITABLE},      SEEN,   FULL),
    ("unseen",                  TAKEN,                                       {},     PARTIAL),
    ("freevend unseen",         TAKEN,                        {"managed_at": AT},    PARTIAL),
    ("managed unseen",          TAKEN,                        {"freevend_at": AT},   PARTIAL),
    ("managed withdrawn",       TAKEN,           SEEN | {"withdrawn_at": LATER},     PARTIAL),
    ("managed seen again",      TAKEN,           {"freevend_at": AT, "withdrawn_at": AT,
                                                  "managed_at": LATER},              FULL),
    ("never set",               {"mode_key": KeyClaim.WRITABLE},             SEEN,   PARTIAL),
    ("there, never set",        {"mode_key": KeyClaim.PRESENT},              SEEN,   PARTIAL),
    ("not read back",           TAKEN | {"read_back": False},                SEEN,   PARTIAL),
    ("RebootRequired",          TAKEN | {"set_status": SetClaim.REBOOT_REQUIRED},
                                                                             SEEN,   PARTIAL),
    ("missing idTag key",       TAKEN | {"tag_key": KeyClaim.MISSING},       SEEN,   PARTIAL),
    ("pre-authorize fixed",     TAKEN | {"pre_authorize": KeyClaim.READ_ONLY},
                                                                             SEEN,   PARTIAL),
    ("cache fixed",             TAKEN | {"cache": KeyClaim.READ_ONLY},       SEEN,   PARTIAL),
    ("read-only, as is due",    {"mode_key": KeyClaim.READ_ONLY, "mode": Mode.MANAGED},
                                                                             SEEN,   PARTIAL),
    ("read-only, otherwise",    {"mode_key": KeyClaim.READ_ONLY, "mode": Mode.FREEVEND},
                                                                             SEEN,   UNSUPPORTED),
    ("missing key",             {"mode_key": KeyClaim.MISSING},              {},     UNSUPPORTED),
    ("not supported",           {"set_status": SetClaim.NOT_SUPPORTED},      {},     UNSUPPORTED),
    ("rejected",                {"mode_key": KeyClaim.WRITABLE, "set_status": SetClaim.REJECTED},
                                                                             {},     UNSUPPORTED),
    ("missing, starts remotely",  {"mode_key": KeyClaim.MISSING},            REMOTE, ASSISTED),
    ("rejected, starts remotely", {"set_status": SetClaim.REJECTED},         REMOTE, ASSISTED),
)
# fmt: on


@pytest.mark.parametrize(
    ("claims", "proofs", "capability"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_the_class_is_that_of_the_table(
    claims: dict[str, Any], proofs: dict[str, Any], capability: Capability
) -> None:
    found = classify(Claims(**claims), Proofs(**proofs), has_key=True, desired=Mode.MANAGED)
    assert found.capability is capability
    assert found.evidence


def test_every_setting_limit_and_remote_start_has_exactly_one_row() -> None:
    for cell in product(Setting, (True, False), (True, False)):
        fitting = [
            row
            for row in CLASSES
            if all(one is None or one == so for one, so in zip(row[:-1], cell, strict=True))
        ]
        assert len(fitting) == 1, cell


@pytest.mark.parametrize(
    ("remote", "capability"), [({}, Capability.UNSUPPORTED), (REMOTE, Capability.ASSISTED)]
)
def test_without_a_key_in_the_profile_only_remote_starts_help(
    remote: dict[str, Any], capability: Capability
) -> None:
    found = classify(None, Proofs(**remote), has_key=False, desired=Mode.MANAGED)
    assert found.capability is capability


def test_a_charger_that_was_never_asked_has_no_class() -> None:
    for claims in (None, Claims(), Claims(probed_at=AT)):
        found = classify(claims, Proofs(**SEEN), has_key=True, desired=Mode.MANAGED)
        assert found.capability is None


def test_claimed_and_proven_are_told_apart() -> None:
    claimed = classify(Claims(**TAKEN), Proofs(), has_key=True, desired=Mode.MANAGED)
    proven = classify(Claims(**TAKEN), Proofs(**SEEN), has_key=True, desired=Mode.MANAGED)
    assert (claimed.proven, proven.proven) == (False, True)
    assert [each.proven for each in proven.evidence] == [False, True, True]
    assert all(each.at == AT for each in proven.evidence)


def test_a_withdrawn_proof_is_told_with_its_time() -> None:
    proofs = Proofs(**SEEN, withdrawn_at=LATER)
    found = classify(Claims(**TAKEN), proofs, has_key=True, desired=Mode.MANAGED)
    told = {each.what: each.at for each in found.evidence}
    assert told[Limit.MANAGED_WITHDRAWN] == LATER
    assert not found.proven
    assert "it waited for an accepted token" not in told


def test_a_word_of_a_newer_version_is_no_usable_setting() -> None:
    assert setting_of(Claims(set_status="later"), Mode.MANAGED) is Setting.NONE
    assert limits_of(Claims(tag_key="later"), Proofs(**SEEN)) == ()
