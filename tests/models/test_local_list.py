"""Local lists: who is on them, until when, and the messages that bring them about."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.entitlement import access_of
from models.identifiers import Candidate
from models.ids import ConnectionId, Pseudonym
from models.local_list import Held, composed, list_calls, list_version, named
from models.offline_state import (
    ASK_AGAIN_AFTER,
    LIST_MAX,
    SETTLED_AFTER,
    UNANSWERED_AFTER,
    ListEntry,
    ListStanding,
    OfflineState,
    list_digest_of,
    next_ask_at,
)
from models.site import AccessRule, IdentityClass, IdentityRecord, IdentityState

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OPEN = access_of((), None, "UTC")


def record(name: str, **fields: Any) -> IdentityRecord:
    given: dict[str, Any] = {
        "source": "folder",
        "site_id": None,
        "pseudonym": Pseudonym(f"k1:{name}"),
        "identifier_type": "ISO14443",
        "display": "ISO14443 …001",
        "identity_class": IdentityClass.OWN_FLEET,
        "reference": f"bus/{name}",
        "valid_from": NOW - DAY,
    }
    return IdentityRecord(**given | fields)


def names(*records: IdentityRecord, at: datetime = NOW) -> list[str]:
    return [entry.pseudonym for entry in named([[one] for one in records], OPEN, at).entries]


def test_rule_23_entries_end_with_their_validity_and_the_list_at_the_next_edge() -> None:
    ends, begins = NOW + DAY, NOW + timedelta(hours=2)
    rows = [[record("a", valid_to=ends)], [record("b", valid_from=begins)], [record("c")]]
    found = named(rows, OPEN, NOW)
    assert [(one.pseudonym, one.until) for one in found.entries] == [("k1:a", ends), ("k1:c", None)]
    assert found.changes_at == begins
    # Half-open: who begins at the edge is on the list that is made there.
    later = named(rows, OPEN, begins)
    assert [one.pseudonym for one in later.entries] == ["k1:a", "k1:b", "k1:c"]
    assert later.changes_at == ends
    assert [one.pseudonym for one in named(rows, OPEN, ends).entries] == ["k1:b", "k1:c"]


def test_rules_19_and_20_who_has_a_denying_record_too_is_not_listed() -> None:
    suspended = record("a", state=IdentityState.SUSPENDED, reference="bus/2")
    agreement = record("a", identity_class=IdentityClass.AGREEMENT)
    assert named([[record("a"), suspended]], OPEN, NOW).entries == ()
    assert named([[record("a"), agreement]], OPEN, NOW).entries == ()
    past = record("a", state=IdentityState.REVOKED, valid_to=NOW)
    assert len(named([[record("a"), past]], OPEN, NOW).entries) == 1
    later = record("a", state=IdentityState.REVOKED, valid_from=NOW + DAY)
    (entry,) = named([[record("a"), later]], OPEN, NOW).entries
    assert entry.until == NOW + DAY
    assert names(record("a", identity_class=IdentityClass.AGREEMENT)) == []


def test_rule_28_whom_an_access_rule_keeps_out_is_not_listed() -> None:
    rule = AccessRule(who=IdentityClass.OWN_FLEET, reference="bus/a", where=("yard",))
    rows = [[record("a")], [record("b")]]
    yard, other = (access_of((rule,), group, "UTC") for group in ("yard", "street"))
    assert [one.pseudonym for one in named(rows, yard, NOW).entries] == ["k1:a"]
    assert named(rows, other, NOW).entries == ()


def test_rule_22_records_that_end_with_their_feed_are_not_listed() -> None:
    found = named([[record("a", source="feed")]], OPEN, NOW, lasting=lambda one: False)
    assert found.entries == ()


def test_a_list_is_bounded_and_says_who_had_no_room() -> None:
    rows = [[record(f"{number:04}")] for number in range(LIST_MAX + 2)]
    found = named(reversed(rows), OPEN, NOW)
    assert (len(found.entries), found.left_out_count) == (LIST_MAX, 2)
    assert found.entries[0].pseudonym == "k1:0000"


KNOWN = {
    Pseudonym("k1:a"): Candidate("ISO14443", "04A1B2C3"),
    Pseudonym("k1:b"): Candidate("ISO15693", "04A1B2C3"),
    Pseudonym("k1:c"): Candidate("eMAID", "DE8AACA2B3C4D5"),
    Pseudonym("k1:d"): Candidate("Central", "X" * 30),
    Pseudonym("k1:e"): Candidate("BADGE", "17"),
}
ENTRIES = [ListEntry(pseudonym=Pseudonym(f"k1:{name}")) for name in "abcdez"]


def test_identifiers_that_a_version_cannot_carry_are_left_out_and_unknown_ones_counted() -> None:
    def of(ocpp: str) -> tuple[list[str], int, int]:
        found = composed(ENTRIES, KNOWN, ocpp, NOW, expires=True, entries_max=LIST_MAX)
        types = [held.token_type for held in found.entries]
        return types, found.missing_count, found.left_out_count

    # In 1.6 the second of two types of one number would be a tag twice.
    assert of("1.6") == (["ISO14443", "eMAID", "BADGE"], 1, 1)
    assert of("2.0.1") == (["ISO14443", "ISO15693", "eMAID", "Central"], 1, 1)
    assert of("2.1") == (["ISO14443", "ISO15693", "eMAID", "Central", "BADGE"], 1, 0)


def test_rule_23_a_charger_without_expiry_is_not_told_of_who_ends() -> None:
    ending = [ListEntry(pseudonym=Pseudonym("k1:a"), until=NOW + DAY), ENTRIES[2]]
    found = composed(ending, KNOWN, "2.0.1", NOW, expires=False, entries_max=LIST_MAX)
    assert [held.token_type for held in found.entries] == ["eMAID"]
    assert found.left_out_count == 1
    over = [ListEntry(pseudonym=Pseudonym("k1:a"), until=NOW)]
    assert composed(over, KNOWN, "1.6", NOW, expires=True, entries_max=9).entries == ()


def test_a_list_keeps_to_the_room_that_a_charger_has() -> None:
    found = composed(ENTRIES, KNOWN, "2.1", NOW, expires=True, entries_max=2)
    assert (len(found.entries), found.left_out_count) == (2, 3)


CARD, OTHER = Candidate("ISO14443", "04A1B2C3"), Candidate("ISO14443", "C3B2A104")
PALINDROME = Candidate("ISO14443", "04A1A104")


def in_either_order(
    *names: str, known: dict[str, Candidate], entries_max: int = LIST_MAX, ocpp: str = "1.6"
) -> tuple[list[str], int, int]:
    """Tokens of the list, who is left out, and whose other order is."""
    by_pseudonym = {Pseudonym(f"k1:{name}"): each for name, each in known.items()}
    found = composed(
        [ListEntry(pseudonym=Pseudonym(f"k1:{name}")) for name in names],
        by_pseudonym,
        ocpp,
        NOW,
        expires=True,
        entries_max=entries_max,
        others=lambda other: [one for one, each in by_pseudonym.items() if each == other],
    )
    tokens = [held.token for held in found.entries]
    return tokens, found.left_out_count, found.orders_left_out_count


def test_rule_17_where_readers_give_either_byte_order_both_are_entries() -> None:
    known = {"a": CARD, "b": PALINDROME, "c": KNOWN[Pseudonym("k1:c")]}
    for ocpp in ("1.6", "2.0.1", "2.1"):
        tokens, *left_out = in_either_order("a", "b", "c", known=known, ocpp=ocpp)
        assert tokens == [CARD.canonical, "04A1A104", "DE8AACA2B3C4D5", OTHER.canonical]
        assert left_out == [0, 0]
    # As read, which is what sites say that say nothing.
    found = composed(ENTRIES[:1], KNOWN, "1.6", NOW, expires=True, entries_max=9)
    assert [held.token for held in found.entries] == ["04A1B2C3"]


def test_other_orders_go_first_where_there_is_no_room_and_are_counted() -> None:
    second = Candidate("ISO14443", "04A1B2C4")
    known = {"a": CARD, "b": second}
    tokens, *left_out = in_either_order("a", "b", known=known, entries_max=3)
    assert tokens == [CARD.canonical, second.canonical, OTHER.canonical]
    assert left_out == [0, 1]
    tokens, *left_out = in_either_order("a", "b", known=known, entries_max=1)
    assert (tokens, left_out) == ([CARD.canonical], [1, 2])


def test_rules_19_and_20_a_number_that_may_be_a_card_that_is_not_named_lets_nobody_in() -> None:
    known = {"a": CARD, "revoked": OTHER}
    assert in_either_order("a", known=known) == ([], 1, 0)
    # Two of the own fleet that are each other reversed are both let in, each until its own end.
    assert in_either_order("a", "revoked", known=known) == ([CARD[1], OTHER[1]], 0, 0)


def test_a_list_in_either_byte_order_is_another_list() -> None:
    entries = tuple(ENTRIES)
    assert list_digest_of(entries) != list_digest_of(entries, either_byte_order=True)
    assert list_digest_of((), either_byte_order=True) == ""


def test_rule_26_nothing_that_is_printed_of_a_list_is_an_identifier() -> None:
    found = composed(ENTRIES, KNOWN, "2.1", NOW, expires=True, entries_max=9)
    assert "04A1B2C3" not in f"{found!r} {found.entries!r}"


def held(*numbers: int) -> list[Held]:
    return [Held(f"04{number:06}", "ISO14443", None) for number in numbers]


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
def test_a_list_is_sent_whole_in_messages_of_what_a_charger_takes(ocpp: str) -> None:
    calls = list_calls(ocpp, None, held(1, 2, 3, 4, 5), 7, 2)
    field = "listVersion" if ocpp == "1.6" else "versionNumber"
    assert [call.payload[field] for call in calls] == [8, 9, 10]
    assert [call.payload["updateType"] for call in calls] == ["Full", *["Differential"] * 2]
    assert [len(call.payload["localAuthorizationList"]) for call in calls] == [2, 2, 1]


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
@pytest.mark.parametrize("message_bytes", [10, 300, 400, 800, 100_000])
def test_a_message_has_no_more_bytes_than_a_charger_takes(ocpp: str, message_bytes: int) -> None:
    entries = [Held("04A1B2C3D4E5F6" + "0" * n, "ISO14443", NOW) for n in range(6)]
    calls = list_calls(ocpp, None, entries, 7, 50, message_bytes=message_bytes)
    rows = [row for call in calls for row in call.payload["localAuthorizationList"]]
    assert len(rows) == len(entries)
    for call in calls:
        frame = json.dumps([2, "0" * 36, call.action, call.payload], separators=(",", ":"))
        assert len(frame) <= message_bytes or len(call.payload["localAuthorizationList"]) == 1


def test_differences_are_sent_where_they_are_shorter() -> None:
    (call,) = list_calls("1.6", held(1, 2, 3, 4), held(2, 3, 4, 5), 7, 50)
    assert call.payload == {
        "updateType": "Differential",
        "listVersion": 8,
        "localAuthorizationList": [
            {"idTag": "04000001"},
            {"idTag": "04000005", "idTagInfo": {"status": "Accepted"}},
        ],
    }
    (other,) = list_calls("2.0.1", held(1, 2), held(3), 7, 50)
    assert other.payload["updateType"] == "Full"


def test_an_entry_carries_the_end_of_its_validity_in_each_version() -> None:
    one = [Held("04A1", "ISO14443", NOW)]
    (call,) = list_calls("1.6", None, one, 0, 50)
    (row,) = call.payload["localAuthorizationList"]
    assert row["idTagInfo"] == {"status": "Accepted", "expiryDate": "2026-03-02T12:00:00Z"}
    (call,) = list_calls("2.0.1", None, one, 0, 50)
    (row,) = call.payload["localAuthorizationList"]
    assert row["idToken"] == {"idToken": "04A1", "type": "ISO14443"}
    assert row["idTokenInfo"]["cacheExpiryDateTime"] == "2026-03-02T12:00:00Z"


def test_an_empty_list_empties_what_was_there() -> None:
    (call,) = list_calls("2.0.1", None, [], 3, 50)
    assert call.payload == {"updateType": "Full", "versionNumber": 4}
    (call,) = list_calls("1.6", held(1), [], 3, 50)
    assert call.payload["localAuthorizationList"] == []


def test_a_charger_without_lists_says_minus_one() -> None:
    assert list_version({"listVersion": -1}) is None
    assert list_version({"listVersion": 0}) == 0
    assert list_version({"versionNumber": 12}) == 12
    assert list_version({}) is None


HERE, THERE = ConnectionId("c1"), ConnectionId("c2")


def state(**fields: Any) -> OfflineState:
    given: dict[str, Any] = {
        "digest": "d",
        "command_id": "x",
        "connection_id": HERE,
        "asked_at": NOW,
    }
    return OfflineState(**given | fields)


def test_a_charger_is_asked_after_connects_and_changes_and_then_left_in_peace() -> None:
    settled = NOW + SETTLED_AFTER
    assert next_ask_at(None, "d", HERE, NOW) == settled
    told = state(told_at=NOW, local_list=ListStanding.STANDS)
    assert next_ask_at(told, "d", HERE, NOW) is None
    assert next_ask_at(told, "d", THERE, NOW) is None
    assert next_ask_at(told, "other", HERE, NOW) == settled


def test_an_order_without_an_answer_or_a_list_is_repeated_ever_more_rarely() -> None:
    assert next_ask_at(state(), "d", HERE, NOW) == NOW + UNANSWERED_AFTER
    twice = state(unanswered_count=1)
    assert next_ask_at(twice, "d", HERE, NOW) == NOW + 2 * UNANSWERED_AFTER
    assert next_ask_at(state(unanswered_count=99), "d", HERE, NOW) == NOW + ASK_AGAIN_AFTER
    # Orders that were answered make none wait.
    assert next_ask_at(state(asked_count=99), "d", HERE, NOW) == NOW + UNANSWERED_AFTER
    assert next_ask_at(state(), "d", THERE, NOW) == NOW + SETTLED_AFTER
    lacking = state(told_at=NOW, local_list=ListStanding.UNAVAILABLE)
    assert next_ask_at(lacking, "d", HERE, NOW) == NOW + ASK_AGAIN_AFTER
    assert next_ask_at(lacking, "d", THERE, NOW) == NOW + SETTLED_AFTER


def test_rule_26_the_messages_of_a_list_are_printed_without_it() -> None:
    held = Held("04A1B2C3D4E580", "ISO14443", None)
    calls = list_calls("1.6", None, [held], 0, 10)
    assert calls[0].payload["localAuthorizationList"][0]["idTag"] == held.token
    assert held.token not in repr((held, calls))
