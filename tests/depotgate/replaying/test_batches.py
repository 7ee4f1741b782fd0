"""Stored decisions in batches: which are taken, how they are judged, and what is counted."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka.structs import ConsumerRecord

from connectors.keys import read_keys
from depotgate.draft import Draft, read_draft
from depotgate.replaying.judging import InDraft, OwnRecord
from depotgate.replaying.period import Chosen, Period
from depotgate.replaying.pool import pool_of
from depotgate.replaying.tally import NAMED_MAX, Changed, Tally, Total
from models.attempt import Attempt
from models.decision import decide
from models.errors import ConfigurationError, ProcessEndedError
from models.facts import gather
from models.ids import AttemptId, ChargerId, RequestId, SiteId
from tests.depotgate.explaining.folders import SITE, write_depot, write_keys
from tests.models.samples import ATTEMPT
from tests.models.test_replaying import KNOWN, LIVE

NIGHT = datetime(2026, 7, 14, 19, tzinfo=UTC)
"""21:00 in Berlin, a Tuesday."""

PERIOD = Period.of(NIGHT - timedelta(hours=1), NIGHT + timedelta(hours=1))


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    epochs = read_keys(write_keys(tmp_path))
    return read_draft(write_depot(tmp_path / "depot"), epochs, "default")


def attempt(number: int = 0, charger: str = "YARD-001", site: str = "yard") -> Attempt:
    request_id = RequestId(f"20260714T190000-{number:016x}")
    return ATTEMPT.model_copy(
        update={
            "request_id": request_id,
            "attempt_id": AttemptId(request_id),
            "charger_id": ChargerId(charger),
            "site_id": SiteId(site),
            "event_at": NIGHT,
            "replayed": False,
        }
    )


def stored(made: Attempt) -> bytes:
    return decide(made, KNOWN.model_copy(update={"matches": ()})).encode()


def consumed(value: bytes | None, identity: bytes | None) -> ConsumerRecord:
    headers = () if identity is None else (("ce_id", identity),)
    return ConsumerRecord(
        topic="access.decisions.v1",
        partition=0,
        offset=0,
        timestamp=0,
        timestamp_type=0,
        key=None,
        value=value,
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        headers=headers,
    )


def test_attempts_of_the_period_are_taken_once_each() -> None:
    chosen = Chosen(PERIOD)
    value = stored(attempt())
    assert [chosen.takes(consumed(value, b"a")) for _ in range(2)] == [True, False]
    assert chosen.takes(consumed(value, b"b"))
    assert not chosen.takes(consumed(None, b"c"))


@pytest.mark.parametrize(
    ("offset_s", "taken"), [(-3601, False), (-3600, True), (3599, True), (3600, False)]
)
def test_the_period_is_half_open(offset_s: int, taken: bool) -> None:
    """Also for what another program wrote, in a form of its own."""
    made = attempt().model_copy(update={"event_at": NIGHT + timedelta(seconds=offset_s)})
    value = stored(made)
    assert Chosen(PERIOD).takes(consumed(value, b"a")) is taken
    assert Chosen(PERIOD).takes(consumed(value.replace(b'":', b'" : '), b"a")) is taken


def test_a_name_in_a_text_is_not_taken_for_the_time() -> None:
    made = attempt(charger='x"event_at":"2026-07-14T19:00:00Z').model_copy(
        update={"event_at": NIGHT + timedelta(days=2)}
    )
    assert not Chosen(PERIOD).takes(consumed(stored(made), b"a"))


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="expected --until after --since"):
        Period.of(NIGHT, NIGHT)


def test_own_records_are_counted_and_what_is_no_decision_is_named() -> None:
    start = attempt(1).model_copy(update={"attempt_id": attempt(0).attempt_id})
    values = [stored(attempt(0)), stored(start), b"{}", stored(attempt(2, site="other"))]
    tally = OwnRecord("yard", frozenset({"k9"}))(values)
    assert (tally.decisions_count, tally.attempts_count) == (2, 1)
    assert tally.other_sites_count == 1
    assert sum(tally.unreadable.values()) == 1
    assert tally.retired == {"k1": 1}
    assert tally.differing_count == 0


def test_a_decision_that_comes_out_another_way_is_named() -> None:
    decision = decide(LIVE, KNOWN)
    verdict = decision.verdict.model_copy(update={"driver_text": "Go away."})
    changed = decision.model_copy(update={"verdict": verdict})
    other_rules = changed.model_copy(update={"rules_version": "0"})
    tally = OwnRecord(None, None)([changed.encode(), other_rules.encode()])
    assert [each.decision_id for each in tally.differing] == [decision.decision_id]
    assert tally.differing[0].differences[0].field == "driver_text"
    assert tally.other_rules == tally.other_rules_differing == {"0": 1}


def test_a_draft_is_asked_for_its_own_chargers_only(draft: Draft) -> None:
    as_it_was = decide(attempt(0), gather(attempt(0), draft, NIGHT)).encode()
    values = [
        as_it_was,
        stored(attempt(1, charger="YARD-009")),
        stored(attempt(2, site="other")),
        b"[]",
    ]
    tally = InDraft(draft, frozenset({"k1"}))(values)
    assert (tally.decisions_count, tally.other_sites_count) == (1, 1)
    assert tally.absent == {"YARD-009": 1}
    assert tally.changed == []
    assert sum(tally.unreadable.values()) == 1


def test_an_attempt_counts_once_however_many_requests_change() -> None:
    """Rule 30: Authorize and the start it leads to share an attempt."""
    changed = Changed("d", "a", "C-1", "", "", "deny", "UNKNOWN_ID", "allow", "FREEVEND_OPEN")
    total = Total()
    total.add(Tally(changed=[changed, changed._replace(decision_id="e")]))
    total.add(Tally(changed=[changed._replace(attempt_id="b")]))
    assert total.changed_count == 2
    assert total.chargers == {("C-1", "deny", "UNKNOWN_ID", "allow", "FREEVEND_OPEN"): 2}


def test_only_so_many_are_kept_by_name() -> None:
    changed = Changed("d", "a", "C-1", "", "", "deny", "UNKNOWN_ID", "allow", "FREEVEND_OPEN")
    total = Total()
    count = NAMED_MAX + 10
    total.add(Tally(changed=[changed._replace(attempt_id=str(each)) for each in range(count)]))
    assert (total.changed_count, len(total.tally.changed)) == (count, NAMED_MAX)


def test_a_draft_is_read_under_every_epoch(tmp_path: Path) -> None:
    """Rule 26: an attempt has the pseudonyms of its own day."""
    old, new = (read_keys(write_keys(_made(tmp_path / name)))[0] for name in ("old", "new"))
    folder = write_depot(tmp_path / "depot", SITE)
    old = old._replace(kid="k0")
    draft = read_draft(folder, (new, old), "default")
    kids = {pseudonym.partition(":")[0] for pseudonym in draft.pseudonyms}
    assert kids == {"k1", "k0"}
    assert len(draft.pseudonyms) == 4


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


class _Counting:
    """A judge that counts what it is given."""

    def __call__(self, values: list[bytes]) -> Tally:
        return Tally(decisions_count=len(values))


async def _batches() -> AsyncIterator[list[bytes]]:
    for size in range(1, 21):
        yield [b"x"] * size


async def test_batches_come_back_in_their_order() -> None:
    with pool_of(_Counting()) as pool:
        sizes = [tally.decisions_count async for tally in pool.tallies(_batches())]
    assert sizes == list(range(1, 21))


class _Killed:
    """A judge whose process is killed over its first batch."""

    def __call__(self, values: list[bytes]) -> Tally:
        if values:
            os.kill(os.getpid(), signal.SIGKILL)
        return Tally()


async def test_a_process_that_is_killed_ends_the_replay_with_a_sentence() -> None:
    with pool_of(_Killed()) as pool, pytest.raises(ProcessEndedError, match="from outside"):
        _ = [tally async for tally in pool.tallies(_batches())]
