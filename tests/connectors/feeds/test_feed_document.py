"""What a source delivers: JSON and CSV, sound and not (rules 17, 21, 22)."""
# ruff: noqa: E501 - a table, one problem a line with its whole sentence

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.feeds import feed_document
from connectors.feeds.feed_document import Delivery, SiteWords, read_delivery
from connectors.feeds.feeds_file import FeedSource
from models.errors import DepotRefusedError
from models.ids import SiteId
from models.site import IdentityState
from tests.connectors.feeds.folders import CARD, IDENTITIES, KEYS

FLEET = FeedSource(name="own-fleet", url="https://fleet.example/")
SKIP = FLEET.model_copy(update={"bad_rows": "skip"})
CHANGES = FLEET.model_copy(update={"content": "incremental"})
CSV = FeedSource(name="agreements", site="depot", file="/a.csv", format="csv")
AS_OF = "2026-07-14T14:00:00+02:00"
WORDS = SiteWords({"depotgatefree": "it is the site's"}, ("FLEETNUMBER",))


def item(**other: Any) -> dict[str, Any]:
    return {
        "type": "ISO14443",
        "identifier": CARD,
        "class": "own_fleet",
        "reference": "bus-17",
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_to": None,
        "state": "active",
        **other,
    }


def read(content: object, feed: FeedSource = FLEET) -> Delivery:
    raw = content if isinstance(content, bytes) else orjson.dumps(content)
    return read_delivery(feed, bytearray(raw), WORDS, KEYS)


def document(*items: object, **other: object) -> dict[str, object]:
    return {"as_of": AS_OF, "identities": list(items), **other}


def problems_of(content: object, feed: FeedSource = FLEET) -> list[str]:
    with pytest.raises(DepotRefusedError) as refused:
        read(content, feed)
    said = [str(problem) for problem in refused.value.problems]
    assert CARD not in "".join(said)
    return said


def test_a_json_document_says_how_old_it_is_and_who_may_charge() -> None:
    second = item(identifier="04A1B2C3D4E5F7", reference="bus-18", state_since=AS_OF)
    delivery = read(document(item(), second))
    assert delivery.as_of == datetime(2026, 7, 14, 12, tzinfo=UTC)
    first_key, second_key = delivery.rows
    assert first_key.startswith("own-fleet|k1:")
    assert delivery.rows[second_key].state_since == delivery.as_of
    record = delivery.rows[first_key].record(None, delivery.as_of, "own-fleet")
    assert record.key == first_key


def test_a_mark_of_utf_8_is_passed_over() -> None:
    """RFC 8259, section 8.1: servers on Windows write it."""
    plain = orjson.dumps(document(item()))
    assert read(b"\xef\xbb\xbf" + plain).checksum == read(plain).checksum


def test_a_csv_has_the_columns_of_a_depot_folder() -> None:
    delivery = read(IDENTITIES.encode(), CSV)
    assert delivery.as_of is None
    assert {key.split("|")[0] for key in delivery.rows} == {"agreements/depot"}
    (row, *_rest) = delivery.rows.values()
    record = row.record(SiteId("depot"), datetime(2026, 1, 1, tzinfo=UTC), "agreements")
    assert record.key in delivery.rows


def test_rule_17_a_site_may_have_types_of_its_own() -> None:
    assert read(document(item(type="FLEETNUMBER", identifier="B-17"))).rows
    (said,) = problems_of(document(item(type="FLEETNO", identifier="B-17")))
    assert said.startswith("own-fleet:1: type: expected")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x1f\x8b", "own-fleet:1: expected JSON, and it is none from byte 0 on"),
        (b'{"as_of": ', "own-fleet:1: expected JSON, and it is none from byte"),
        ([], 'own-fleet: expected {"as_of": …, "identities": […]}, got something else'),
        ({"as_of": AS_OF}, "own-fleet: identities: expected a list"),
        (document(as_off=AS_OF), "own-fleet: key 3 has no known name; did you mean 'as_of'?"),
        ({"as_of": "14 July", "identities": []}, "own-fleet: as_of: expected a time with its"),
        ({"as_of": 1752494400, "identities": []}, "own-fleet: as_of: expected a time with its"),
        ({"as_of": "2026-07-14T12:00:00", "identities": []}, "own-fleet: as_of: expected a time"),
        (document(removed=[{}]), "own-fleet: removed: what a full document does not have is gone"),
        (document(CARD), "own-fleet:1: expected keys and values"),
        (document(item(), item(idd=3)), "own-fleet:2: key 8 has no known name"),
        (document(item(identifier=4711)), "own-fleet:1: identifier: expected text or null"),
        (document(item(valid_from=None)), "own-fleet:1: valid_from: expected a time, got nothing"),
        (document(item(state="gone")), "own-fleet:1: state: expected active, suspended or revoked"),
        (document(item(type="Card")), "own-fleet:1: type: expected ISO14443, ISO15693"),
        (document(item(reference=CARD)), "own-fleet:1: reference: expected a vehicle or a contract"),
        (
            document(item(), item()),
            "own-fleet:2: the same identifier, reference and valid_from as in item 1; keep one",
        ),
        (
            document(item(type="Local", identifier="DEPOTGATEFREE")),
            "own-fleet:1: identifier: it is a reserved freevend tag",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_stops_the_load_and_is_said_with_its_item(
    content: object, expected: str
) -> None:
    said = problems_of(content)
    assert any(each.startswith(expected) for each in said), said


def test_bad_rows_are_left_out_and_named_where_the_source_may_have_them() -> None:
    delivery = read(document(item(), CARD, item(state="gone", type="Card"), item()), SKIP)
    assert len(delivery.rows) == 1
    assert delivery.skipped_count == 3
    assert [problem.line for problem in delivery.skipped] == [2, 3, 3, 4]


def test_where_no_row_is_sound_the_document_is_refused_all_the_same() -> None:
    assert problems_of(document(item(state="gone"), CARD), SKIP)
    assert problems_of(b"id;from\n1;2\n", CSV.model_copy(update={"bad_rows": "skip"}))


def test_rows_beyond_the_limit_are_never_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else they would be taken for gone."""
    monkeypatch.setattr(feed_document, "IDENTITIES_MAX", 1)
    items = (item(reference=reference, valid_to="") for reference in ("bus-17", "bus-18"))
    rows = [",".join(each.values()) for each in items]
    content = "\n".join([",".join(item()), *rows]).encode()
    assert problems_of(content, CSV.model_copy(update={"bad_rows": "skip"})) == [
        f"{CSV.key}:3: expected at most 1 rows; what follows is not read"
    ]


def test_rule_21_an_incremental_document_names_what_is_gone() -> None:
    gone = item(identifier="04A1B2C3D4E5F7", reference="bus-18")
    keys = [*read(document(item(), gone)).rows]
    whole = {"type": "ISO14443", "identifier": "04:a1:b2:c3:d4:e5:f7"}
    delivery = read(document(item(), removed=[whole]), CHANGES)
    assert [delivery.goes(key) for key in keys] == [False, True]
    one = read(document(removed=[{**whole, "reference": "bus-18"}]), CHANGES)
    other = read(document(removed=[{**whole, "reference": "bus-1"}]), CHANGES)
    assert (one.goes(keys[1]), other.goes(keys[1])) == (True, False)


@pytest.mark.parametrize("states", [("active", "revoked"), ("suspended", "active")])
def test_rule_19_of_two_rows_that_are_the_same_the_one_that_bars_is_not_left_out(
    states: tuple[str, str],
) -> None:
    delivery = read(document(*[item(state=state) for state in states]), SKIP)
    (row,) = delivery.rows.values()
    assert row.state != IdentityState.ACTIVE
    assert delivery.skipped_count == 1


def test_of_two_rows_that_are_the_same_and_allow_the_one_that_is_named_is_left_out() -> None:
    rows = [item(valid_to=f"203{year}-01-01T00:00:00Z") for year in (0, 9)]
    delivery = read(document(*rows), SKIP)
    (row,) = delivery.rows.values()
    assert row.valid_to == datetime(2030, 1, 1, tzinfo=UTC)
    assert [problem.line for problem in delivery.skipped] == [2]


def test_a_bad_removal_stops_the_load_though_bad_rows_may_be_left_out() -> None:
    """Else whoever should be gone would stay."""
    skipping = CHANGES.model_copy(update={"bad_rows": "skip"})
    removed = [{"type": "Card", "identifier": CARD}]
    assert problems_of(document(item(), removed=removed), skipping)[0].startswith(
        "own-fleet removed:1: type: expected"
    )


def test_the_order_of_rows_means_nothing_and_their_content_everything() -> None:
    other = item(identifier="04A1B2C3D4E5F7", reference="bus-18")
    checksums = [
        read(document(*rows)).checksum
        for rows in ((item(), other), (other, item()), (item(), other | {"state": "revoked"}))
    ]
    assert checksums[0] == checksums[1] != checksums[2]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["as_of", "identities", "removed", "type", "identifier", "x"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from(["full", "incremental"]),
)
def test_any_json_is_read_or_refused(content: object, kind: str) -> None:
    feed = SKIP.model_copy(update={"content": kind})
    try:
        raw = orjson.dumps(content)
    except (TypeError, orjson.JSONEncodeError):
        return
    with suppress(DepotRefusedError):
        assert read(raw, feed).rows == {}
