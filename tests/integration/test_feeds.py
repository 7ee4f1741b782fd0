"""Sources of identities: from a server to the topics, and what a running worker answers by them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.feeds import feed_load
from connectors.feeds.feed_load import Asked, FeedLoaded, load_feed
from connectors.feeds.feed_removal import remove_feed
from connectors.feeds.feeds_file import FeedSource
from connectors.kafka.broker import Broker
from connectors.kafka.replica import Replica, read_replica
from connectors.kafka.topics import apply_topics
from connectors.keys import write_new_keys
from connectors.telemetry.metrics import Metrics
from depotgate.feeding import FeedFollower
from models.attempt import Decision
from models.decision import decide
from models.errors import (
    ConfigurationError,
    DepotRefusedError,
    FeedUnavailableError,
    NotFoundError,
)
from models.feed_age import FeedState, state_at
from models.identifiers import Candidate, KeyEpoch, Pseudonymiser
from models.metrics import FEED_AGE, FEED_QUARANTINED, FEED_STATE
from models.reasons import Flag, Reason
from models.site import AuditRecord, ExpiredFeed, FeedPolicy, FeedReceipt, SiteRecord
from models.topics import AUDIT, CHARGERS, DECISIONS, FEEDS, IDENTITIES, SITES
from tests.connectors.feeds.feed_server import Delivering, delivering
from tests.connectors.feeds.folders import SITE, write
from tests.integration.installations import until_holds
from tests.integration.test_command_line import depotgate
from tests.integration.topics_io import Tap, Topics
from tests.integration.worker_depot import PSEUDONYMS, UNKNOWN, Depot, Station
from tests.integration.workers import FOLLOWS_WITHIN_S, WorkerProcess, holds
from tests.integration.written import read_all, read_values

pytestmark = pytest.mark.integration

FED = "9F3C21B0"
VISITOR = "ZUGANG"
"""No number: revisions and times are shown, in which one may turn up by chance."""
FRESH_S, STALE_S = 5, 9
POLICY = FeedPolicy(fresh_for_s=FRESH_S, stale_for_s=STALE_S, expired=ExpiredFeed.CLOSED)


def item(number: int, **other: object) -> dict[str, Any]:
    return {
        "type": "ISO14443",
        "identifier": f"9F3C{number:04X}",
        "class": "agreement",
        "reference": f"courier/{number}",
        "valid_from": "2026-01-01T00:00:00Z",
        "state": "active",
        **other,
    }


def document(*items: dict[str, Any], as_of: datetime | None = None, **other: object) -> bytes:
    stated = {"as_of": (as_of or datetime.now(UTC)).isoformat()}
    return orjson.dumps({**stated, "identities": items, **other})


@pytest.fixture
async def served() -> AsyncIterator[Delivering]:
    async with delivering() as server:
        yield server


class Fed:
    """One site with one source, which a small server delivers."""

    def __init__(self, depot: Depot, bootstrap: str, server: Delivering) -> None:
        self.depot = depot
        self.server = server
        self.source = FeedSource(name="agreements", site=depot.site_id, url=server.url)
        self.bootstrap = bootstrap

    def site(self) -> SiteRecord:
        return self.depot.site().model_copy(update={"feed": POLICY})

    async def load(self, **asked: Any) -> FeedLoaded:
        return await load_feed(self.bootstrap, self.source, PSEUDONYMS, Asked("tests", **asked))

    async def load_that_breaks_off(self) -> None:
        """Before its first record."""
        begun = count(1)

        def break_off(done: int, _count: int) -> None:
            if done == 0 and next(begun) == 2:  # rows are read first, and then published
                raise BrokenPipeError

        with pytest.raises(BrokenPipeError):
            await load_feed(self.bootstrap, self.source, PSEUDONYMS, Asked("tests"), break_off)

    async def replica(self) -> Replica:
        topics = (SITES, CHARGERS, IDENTITIES, FEEDS)
        return await read_replica(self.bootstrap, topics, Metrics("worker"))

    async def known(self) -> list[str]:
        """References of the source's records, as a worker that starts now would know them."""
        replica = await self.replica()
        pseudonyms = {
            PSEUDONYMS.current(Candidate("ISO14443", f"9F3C{number:04X}")) for number in range(50)
        }
        found = [replica.identities(each, self.depot.site_id) for each in pseudonyms]
        return sorted(record.reference for records in found for record in records)

    async def audited(self) -> list[str]:
        records = await read_all(self.bootstrap, AUDIT)
        mine = [each for each in records if isinstance(each, AuditRecord)]
        return [each.action for each in mine if each.subject == self.source.key]


@pytest.fixture
async def fed(broker: Broker, topics: Topics, served: Delivering) -> Fed:
    await apply_topics(broker.bootstrap)
    depot = Depot()
    fed = Fed(depot, broker.bootstrap, served)
    await depot.publish(topics)
    await topics.write(SITES, depot.site_id, fed.site())
    return fed


# From a server to a running worker.


async def test_rule_22_answers_of_a_worker_change_as_its_source_gets_stale_and_expires(
    topics: Topics, worker: WorkerProcess, fed: Fed
) -> None:
    station = Station(topics, fed.depot)
    decisions: Tap[Decision] = await topics.tap(DECISIONS)
    fed.server.content = document(item(0x21B0))
    fed.server.etag = '"one"'
    receipt = (await fed.load()).receipt
    seen = await _asked_until_expired(station, decisions, receipt)
    assert seen == {
        (FED, Reason.AGREEMENT_ACTIVE, False),
        (FED, Reason.AGREEMENT_ACTIVE, True),
        (FED, Reason.IDENTITY_UNCERTAIN, False),
        (UNKNOWN, Reason.UNKNOWN_ID, False),
        (UNKNOWN, Reason.IDENTITY_UNCERTAIN, False),
    }
    labels = (fed.source.name, fed.depot.site_id)
    assert holds(lambda: worker.metric(FEED_STATE, *labels) == 2, FOLLOWS_WITHIN_S)
    assert worker.metric(FEED_AGE, *labels) > STALE_S
    assert worker.metric(FEED_QUARANTINED, *labels) == 0
    # The same content, confirmed as of the answer's Date: fresh again.
    confirmed = await fed.load()
    assert confirmed.unchanged
    assert confirmed.receipt.content_at > receipt.content_at
    assert confirmed.receipt.revision == receipt.revision
    numbers = count()
    await until_holds(
        lambda: _asked(station, decisions, FED, f"again {next(numbers)}"),
        lambda decision: decision.verdict.reason == Reason.AGREEMENT_ACTIVE,
        "the worker has heard of it",
    )


async def _asked_until_expired(
    station: Station, decisions: Tap[Decision], receipt: FeedReceipt
) -> set[tuple[str, str, bool]]:
    """Ask until the source has expired; each answer is the one of its own second."""
    seen: set[tuple[str, str, bool]] = set()
    numbers = count()
    while datetime.now(UTC) < receipt.content_at + timedelta(seconds=STALE_S + 1):
        for card in (FED, UNKNOWN):
            decision = await _asked(station, decisions, card, str(next(numbers)))
            if not decision.facts.feeds:
                continue  # not yet followed
            assert decide(decision.attempt, decision.facts) == decision
            verdict = decision.verdict
            age_s = (decision.attempt.event_at - receipt.content_at).total_seconds()
            stale, expired = age_s > FRESH_S, age_s > STALE_S
            uncertain = expired if card == FED else stale
            known = Reason.AGREEMENT_ACTIVE if card == FED else Reason.UNKNOWN_ID
            assert verdict.reason == (Reason.IDENTITY_UNCERTAIN if uncertain else known)
            flagged = Flag.STALE_FEED in verdict.flags
            assert flagged is (card == FED and stale and not expired)
            seen.add((card, verdict.reason, flagged))
    return seen


async def _asked(
    station: Station, decisions: Tap[Decision], card: str, message_id: str
) -> Decision:
    request = station.request(message_id, card)
    await station.ask(request)

    def about() -> list[Decision]:
        return [
            decision
            for decision in decisions.records(station.charger_id)
            if decision.decision_id == request.attempt.request_id
        ]

    await decisions.until(lambda: bool(about()), f"an answer to {message_id}")
    return about()[0]


# What a load leaves.


async def test_rule_21_a_full_load_replaces_its_own_records_and_no_others(fed: Fed) -> None:
    fed.server.content = document(*map(item, range(6)))
    first = await fed.load()
    assert first.change == (6, 0, 0)
    fed.server.content = document(*map(item, range(1, 6)), item(6), item(7))
    second = await fed.load()
    assert second.change == (2, 0, 1)
    assert await fed.known() == [f"courier/{number}" for number in range(1, 8)]
    replica = await fed.replica()
    folder = fed.depot.identity()
    assert replica.identities(folder.pseudonym, fed.depot.site_id) == (folder,)
    receipt = replica.feeds[fed.source.key]
    assert receipt == second.receipt
    assert (receipt.rows_count, receipt.added_count, receipt.removed_count) == (7, 2, 1)
    assert (receipt.ages, receipt.actor, receipt.revision) == (True, "tests", receipt.checksum[:12])
    # Nothing new: a receipt, and nothing to tell.
    fed.server.content = document(*map(item, range(1, 8)))
    third = await fed.load()
    assert (third.change, third.receipt.revision) == ((0, 0, 0), receipt.revision)
    assert third.receipt.content_at > receipt.content_at
    assert await fed.audited() == ["feed load", "feed load"]


async def test_rule_21_an_incremental_load_touches_what_it_names(fed: Fed) -> None:
    fed.source = fed.source.model_copy(update={"content": "incremental"})
    fed.server.content = document(*map(item, range(10)))
    assert (await fed.load()).receipt.rows_count == 10
    gone = {"type": "ISO14443", "identifier": item(3)["identifier"]}
    fed.server.content = document(item(4, state="revoked"), item(11), removed=[gone])
    loaded = await fed.load()
    assert loaded.change == (1, 1, 1)
    assert loaded.receipt.rows_count == 10
    expected = {*range(10), 11} - {3}
    assert await fed.known() == sorted(f"courier/{number}" for number in expected)
    again = await fed.load()
    assert again.receipt.revision == loaded.receipt.revision


async def test_rule_22_a_load_that_would_lose_a_fifth_waits_for_a_person(
    fed: Fed, broker: Broker
) -> None:
    fed.server.content = document(*map(item, range(10)))
    good = await fed.load()
    fed.server.content = document(*map(item, range(8)))
    assert not (await fed.load()).quarantined  # 20 % is not more than 20 %
    fed.server.content = document(*map(item, range(6)))
    taken = await fed.load()
    assert taken.quarantined
    assert len(await fed.known()) == 8
    replica = await fed.replica()
    receipt = replica.feeds[fed.source.key]
    assert receipt.quarantined is not None
    assert (receipt.quarantined.vanishing_count, receipt.quarantined.standing_count) == (2, 8)
    # The last good content goes on ageing.
    assert good.receipt.content_at < receipt.content_at < receipt.quarantined.content_at
    await fed.load()
    # More than a person has seen is not what they accept.
    fed.server.content = document(*map(item, range(5)))
    assert (await fed.load(accept=True)).quarantined
    fed.server.content = document(*map(item, range(6)))
    accepted = await fed.load(accept=True)
    assert (accepted.quarantined, accepted.change) == (False, (0, 0, 2))
    assert accepted.receipt.quarantined is None
    assert len(await fed.known()) == 6
    assert await fed.audited() == [
        "feed load",
        "feed load",
        "feed quarantine",
        "feed quarantine",
        "feed accept",
    ]
    with pytest.raises(ConfigurationError, match="no load of it is quarantined"):
        await fed.load(accept=True)


async def test_a_new_key_epoch_replaces_every_record_and_nothing_counts_as_lost(fed: Fed) -> None:
    """Rule 26: the same identities under another pseudonym."""
    fed.server.content, fed.server.etag = document(*map(item, range(5))), '"one"'
    await fed.load()
    epochs = (KeyEpoch("next", b"n" * 32), KeyEpoch("test", b"k" * 32))
    rotated = Pseudonymiser(epochs, "default")
    loaded = await load_feed(fed.bootstrap, fed.source, rotated, Asked("tests"))
    # Read again although the server would say that nothing is new.
    assert (loaded.quarantined, loaded.unchanged, loaded.change) == (False, False, (0, 5, 0))


async def test_content_that_was_confirmed_stays_young_when_it_is_read_again(fed: Fed) -> None:
    """Rule 26: no card is refused in a rotation, though its source last changed days ago."""
    days_ago = datetime.now(UTC) - timedelta(days=5)
    fed.server.content, fed.server.etag = document(item(0), as_of=days_ago), '"one"'
    assert (await fed.load()).receipt.content_at == days_ago
    confirmed = (await fed.load()).receipt
    epochs = (KeyEpoch("next", b"n" * 32), KeyEpoch("test", b"k" * 32))
    rotated = Pseudonymiser(epochs, "default")
    loaded = await load_feed(fed.bootstrap, fed.source, rotated, Asked("tests"))
    assert (loaded.unchanged, loaded.change) == (False, (0, 1, 0))
    assert loaded.receipt.content_at == confirmed.content_at > days_ago
    # Another document is as old as it says.
    newer = days_ago + timedelta(days=1)
    fed.server.content, fed.server.etag = document(item(0), as_of=newer), '"two"'
    loaded = await load_feed(fed.bootstrap, fed.source, rotated, Asked("tests"))
    assert loaded.receipt.content_at == newer


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda: document(item(0), item(1, state="gone")), r"agreements/.*:2: state: expected"),
        (lambda: b"{}", "identities: expected a list"),
        (lambda: orjson.dumps({"identities": [item(0)]}), "neither as_of nor Last-Modified"),
        (
            lambda: document(item(0), as_of=datetime.now(UTC) + timedelta(hours=1)),
            "one of the two clocks is wrong",
        ),
        (
            lambda: document(item(0), as_of=datetime.now(UTC) - timedelta(days=1)),
            "an old copy",
        ),
    ],
)
async def test_what_is_refused_changes_nothing(
    fed: Fed, spoil: Callable[[], bytes], said: str
) -> None:
    fed.server.content = document(item(7))
    before = (await fed.load()).receipt
    fed.server.content = spoil()
    with pytest.raises((DepotRefusedError, FeedUnavailableError), match=said):
        await fed.load()
    assert await fed.known() == ["courier/7"]
    assert (await fed.replica()).feeds[fed.source.key] == before


async def test_content_that_was_half_replaced_is_not_confirmed_by_a_304(fed: Fed) -> None:
    """A source may take its document back while the load of its next one is broken off."""
    first = document(*map(item, range(6)))
    fed.server.content, fed.server.etag = first, '"one"'
    await fed.load()
    suspended = [item(number, state="suspended") for number in range(6)]
    fed.server.content, fed.server.etag = document(*suspended), '"two"'
    await fed.load_that_breaks_off()
    fed.server.content, fed.server.etag = first, '"one"'
    assert not (await fed.load()).unchanged
    assert "If-None-Match" not in fed.server.asked[-1]
    assert (await fed.load()).unchanged


async def test_what_a_first_load_brought_in_part_is_as_old_as_can_be(fed: Fed) -> None:
    """Rule 22: without a receipt it would never age."""
    fed.server.content = document(item(0))
    await fed.load_that_breaks_off()
    (facts,) = (await fed.replica()).feed_facts(fed.depot.site_id)
    assert state_at(facts.content_at, datetime.now(UTC), FeedPolicy()) is FeedState.EXPIRED
    loaded = await fed.load()
    assert loaded.change == (1, 0, 0)
    (facts,) = (await fed.replica()).feed_facts(fed.depot.site_id)
    assert facts.content_at == loaded.receipt.content_at


async def test_a_document_may_be_written_after_it_was_asked_for(
    fed: Fed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source may take longer to write it than two clocks may be apart."""
    monkeypatch.setattr(feed_load, "CLOCKS_APART_MAX", timedelta(0))
    fed.server.after_s = 1.2
    written_at = datetime.now(UTC) + timedelta(seconds=1)
    fed.server.content = document(item(0), as_of=written_at)
    assert (await fed.load()).receipt.content_at == written_at


async def test_bad_rows_are_left_out_and_counted_where_the_source_may_have_them(fed: Fed) -> None:
    fed.source = fed.source.model_copy(update={"bad_rows": "skip"})
    fed.server.content = document(item(0), item(1, state="gone"))
    loaded = await fed.load()
    assert (loaded.receipt.rows_count, loaded.receipt.skipped_count) == (1, 1)
    assert await fed.known() == ["courier/0"]


async def test_rule_26_no_identifier_is_published(fed: Fed, broker: Broker) -> None:
    fed.server.content = document(item(0x21B0))
    await fed.load()
    for topic in (IDENTITIES, FEEDS, AUDIT):
        for value in await read_values(broker.bootstrap, topic):
            assert FED.encode() not in value


async def test_a_source_of_a_site_that_is_not_loaded_is_refused(fed: Fed) -> None:
    fed.source = fed.source.model_copy(update={"site": "nowhere"})
    with pytest.raises(ConfigurationError, match="there is no site 'nowhere'"):
        await fed.load()


async def test_a_source_that_is_removed_is_known_no_more_and_ages_no_more(fed: Fed) -> None:
    """Rules 21 and 22: its records only; and nobody is uncertain for its silence."""
    other = fed.source.model_copy(update={"name": "visitors"})
    fed.server.content = document(item(0), item(1))
    for source in (other, fed.source):
        await load_feed(fed.bootstrap, source, PSEUDONYMS, Asked("tests"))
    removed = await remove_feed(fed.bootstrap, fed.source.name, fed.source.site_id, "tests")
    assert removed == (fed.source.key, 2)
    replica = await fed.replica()
    assert [each.source for each in replica.feed_facts(fed.depot.site_id)] == ["visitors"]
    assert await fed.known() == ["courier/0", "courier/1"]
    assert await fed.audited() == ["feed load", "feed remove"]
    with pytest.raises(NotFoundError, match=f"there are: .*{other.key}"):
        await remove_feed(fed.bootstrap, fed.source.name, fed.source.site_id, "tests")
    # It may come back, and is new then.
    assert (await fed.load()).change == (2, 0, 0)


# On schedule, and by hand.


async def test_a_follower_tries_again_and_takes_up_a_changed_feeds_yaml(
    fed: Fed, tmp_path: Path
) -> None:
    path, said = tmp_path / "feeds.yaml", list[str]()
    follower = FeedFollower(fed.bootstrap, path, lambda: PSEUDONYMS, "tests", said.append)
    fed.server.status = 503
    entry = f"{{name: agreements, site: {fed.depot.site_id}, url: '{fed.server.url}', every_s: 1}}"
    path.write_text(f"feeds:\n  - {entry}\n")
    following = asyncio.create_task(follower.follow())
    try:
        await _until(lambda: any("answered 503" in line for line in said), "a failure is said")
        fed.server.status, fed.server.content = 200, document(item(0))
        await _until(lambda: any("1 records (1 new" in line for line in said), "it is loaded")
        path.write_text("feeds: 3\n")
        await _until(lambda: any("is not taken up" in line for line in said), "it is refused")
        fed.server.content = document(item(0), item(1))
        await _until(lambda: any("2 records (1 new" in line for line in said), "it goes on")
    finally:
        following.cancel()
        await asyncio.wait({following})


async def test_nothing_that_a_source_sends_ends_who_follows_it(
    fed: Fed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway runs beside it in `depotgate up`; a fault of ours is told without its text."""

    async def faulty(*_arguments: object) -> None:
        raise ZeroDivisionError(FED)

    path, said = tmp_path / "feeds.yaml", list[str]()
    follower = FeedFollower(fed.bootstrap, path, lambda: PSEUDONYMS, "tests", said.append)
    entry = f"{{name: agreements, site: {fed.depot.site_id}, url: '{fed.server.url}', every_s: 1}}"
    path.write_text(f"feeds:\n  - {entry}\n")
    fed.server.content = document(item(0))
    with monkeypatch.context() as patched:
        patched.setattr(feed_load, "fetch", faulty)
        following = asyncio.create_task(follower.follow())
        await _until(lambda: any("ZeroDivisionError in faulty:" in line for line in said), "said")
    try:
        await _until(lambda: any("1 records (1 new" in line for line in said), "it goes on")
    finally:
        following.cancel()
        await asyncio.wait({following})
    assert not any(FED in line for line in said)


async def _until(holds: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline_s, what
        await asyncio.sleep(0.05)


def test_the_command_line_loads_lists_quarantines_and_accepts(
    broker: Broker, tmp_path: Path
) -> None:
    asyncio.run(apply_topics(broker.bootstrap))
    site = f"feeds-{tmp_path.name}"
    depot = tmp_path / "depot"
    depot.mkdir()
    chargers = "charger_id,group,ocpp,security_profile,credential,profile,schedule\n"
    write(depot, site=SITE.replace("site: depot", f"site: {site}"), chargers=chargers)
    keys = tmp_path / "keys.json"
    write_new_keys(keys, "k1")
    delivered = tmp_path / "today.json"
    path = tmp_path / "feeds.yaml"
    path.write_text(f"feeds:\n  - {{name: partners, site: {site}, file: today.json}}\n")

    def run(*arguments: str) -> tuple[int, str]:
        kafka = broker.bootstrap
        said = depotgate(tmp_path, *arguments, kafka=kafka, pseudonym_keys_file=str(keys))
        return said.code, said.out + said.err

    assert run("load", str(depot))[0] == 0
    delivered.write_bytes(document(*map(item, range(4))))
    code, said = run("feed", "run", "partners")
    assert (code, "4 records (4 new" in said) == (0, True), said
    delivered.write_bytes(document(item(0)))
    code, said = run("feed", "run")
    assert (code, "3 of 4 records would vanish" in said) == (1, True), said
    code, said = run("feed", "list", "--json")
    (listed,) = [each for each in orjson.loads(said) if each["site"] == site]
    assert (listed["source"], listed["state"], listed["rows"]) == ("partners", "fresh", 4)
    assert listed["quarantined"]["vanishing_count"] == 3
    code, said = run("doctor")
    assert f"depotgate feed accept partners/{site}" in said
    code, said = run("feed", "accept", f"partners/{site}")
    assert (code, "1 records (0 new, 0 changed, 3 gone)" in said) == (0, True), said
    visitors = tmp_path / "visitors.csv"
    visitors.write_text(
        "type,identifier,class,reference,valid_from,valid_to,state\n"
        f"KeyCode,{VISITOR},agreement,visitor/1,2026-01-01T00:00:00Z,,active\n"
    )
    as_of = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    code, said = run("feed", "load", "visitors", str(visitors), "--site", site, "--as-of", as_of)
    assert (code, "1 records (1 new" in said) == (0, True), said
    code, said = run("feed", "list")
    assert "stale" in said
    assert VISITOR not in said
    visitors.write_text(visitors.read_text().splitlines(keepends=True)[0])
    code, said = run("feed", "load", "visitors", str(visitors), "--site", site)
    assert (code, "take it with the same command and --accept" in said) == (1, True), said
    code, said = run("feed", "remove", "partners", "--site", site)
    assert (code, "would come back; take it out there first" in said) == (1, True), said
    code, said = run("feed", "remove", "folder", "--site", site)
    assert (code, "the depot folder itself" in said) == (1, True), said
    code, said = run("feed", "remove", f"visitors/{site}")
    assert (code, f"visitors/{site} is removed, 1 records gone" in said) == (0, True), said
    code, said = run("feed", "list", "--json")
    assert [each["source"] for each in orjson.loads(said) if each["site"] == site] == ["partners"]
