"""What people are told of a charger's offline behaviour."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from depotgate.process_health import offline_health
from models.ids import CommandId, ConnectionId
from models.metrics import OFFLINE_UNMET, RESEND_SHORT
from models.offline_state import ListStanding, OfflineState, SettingFound
from models.offline_words import offline_lines, resend_short, unmet
from models.site import OfflinePolicy

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def state(**fields: Any) -> OfflineState:
    given: dict[str, Any] = {
        "digest": "d",
        "command_id": CommandId("c"),
        "connection_id": ConnectionId("x"),
        "asked_at": NOW,
        "told_at": NOW,
        "policy": OfflinePolicy.CLOSED,
        "local_list": ListStanding.NONE,
        "covered_s": 86_400,
    }
    return OfflineState(**given | fields)


def said(one: OfflineState | None) -> str:
    return " ".join(what for _, what in offline_lines(one))


def test_a_charger_that_was_never_asked_is_not_held_against_anybody() -> None:
    assert "not set yet" in said(None)
    assert not unmet(None)
    assert not resend_short(None)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"local_list": ListStanding.UNAVAILABLE}, "--identities"),
        ({"local_list": ListStanding.REFUSED}, "did not take it"),
        ({"local_list": ListStanding.NOT_SUPPORTED}, "has no local list"),
        ({"local_list": ListStanding.INCOMPLETE, "missing_count": 3}, "3 are not in"),
        ({"settings": (SettingFound(name="cache", told="refused"),)}, "cache refused"),
    ],
)
def test_what_is_not_as_the_site_wants_it_is_said_and_counted(
    fields: dict[str, Any], words: str
) -> None:
    assert unmet(state(**fields))
    assert words in said(state(**fields))


@pytest.mark.parametrize(
    ("policy", "name", "not_met", "words"),
    [
        # A feature that is not there is off.
        (OfflinePolicy.CLOSED, "cache", False, "off, as its site wants"),
        (OfflinePolicy.CLOSED, "unknown_id", False, "off, as its site wants"),
        (OfflinePolicy.OPEN, "unknown_id", True, "its site wants it on"),
        (OfflinePolicy.OWN_FLEET, "local_list", True, "its site wants it on"),
        # A required key that is not there: it may let anybody start.
        (OfflinePolicy.CLOSED, "authorize_offline", True, "nobody knows"),
        (OfflinePolicy.OPEN, "authorize_offline", True, "nobody knows"),
        (OfflinePolicy.CLOSED, "pre_authorize", True, "nobody knows"),
        (OfflinePolicy.CLOSED, "of-a-newer-version", True, "nobody knows"),
        ("of-a-newer-version", "cache", True, "nobody knows"),
    ],
)
def test_what_a_charger_lacks_is_met_only_where_lacking_it_is_what_the_site_wants(
    policy: OfflinePolicy | str, name: str, not_met: bool, words: str
) -> None:
    lacking = state(policy=policy, settings=(SettingFound(name=name, told="missing"),))
    assert unmet(lacking) is not_met
    assert words in said(lacking)


def test_what_a_charger_did_not_say_is_not_met() -> None:
    assert unmet(state(settings=(SettingFound(name="cache", told="untold"),)))
    assert "cache untold" in said(state(settings=(SettingFound(name="cache", told="untold"),)))


def test_messages_that_are_given_up_within_a_day_are_said_and_counted() -> None:
    assert resend_short(state(covered_s=3600))
    assert "less than a day" in said(state(covered_s=3600))
    assert not resend_short(state(covered_s=86_400))
    assert not resend_short(state(covered_s=None))


def test_doctor_says_how_many_and_nothing_where_all_is_well() -> None:
    assert offline_health({}) == []
    found = offline_health({OFFLINE_UNMET.name: 2.0, RESEND_SHORT.name: 3.0})
    assert [one.seen.split()[0] for one in found] == ["2", "3"]
    assert "--identities" in found[0].advice
