"""Sources of identities: when they are fetched, which are meant, and what is said of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from hypothesis import given
from hypothesis import strategies as st

from connectors.feeds.feeds_file import FeedSource
from connectors.telemetry.feed_ages import show_feed_ages
from connectors.telemetry.metrics import Metrics
from depotgate.doctor import feed_findings, never_loaded
from depotgate.feed_commands import drop_feed
from depotgate.feeding import RETRY_FIRST_S, cause_of, chosen, of_file, wait_s
from depotgate.findings import Finding, Health
from depotgate.settings import Settings
from models.errors import ConfigurationError
from models.feed_age import FeedState
from models.feed_states import standings
from models.metrics import FEED_AGE, FEED_QUARANTINED, FEED_STATE
from models.site import FeedPolicy, FeedReceipt, SiteRecord
from tests.models.samples import SAMPLES

NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)
EVERYWHERE = FeedSource(name="own-fleet", url="https://fleet.example/", every_s=300)
NORTH = FeedSource(name="agreements", site="north", file="/n.csv", format="csv")
SOUTH = FeedSource(name="agreements", site="south", file="/s.csv", format="csv")
ALL = (EVERYWHERE, NORTH, SOUTH)


def test_after_failures_it_is_tried_again_soon_and_then_less_often() -> None:
    waits = [wait_s(EVERYWHERE, failures, 0.5) for failures in range(9)]
    assert waits == [300, 5, 10, 20, 40, 80, 160, 300, 300]
    assert wait_s(EVERYWHERE, 10_000, 0.5) == 300


def test_a_source_that_wants_to_be_left_alone_is_up_to_its_schedule() -> None:
    """RFC 9110, section 10.2.3; but an old source changes answers, so it is asked all the same."""
    assert wait_s(EVERYWHERE, 1, 0.5, 120) == 120
    assert wait_s(EVERYWHERE, 6, 0.5, 120) == 160
    assert wait_s(EVERYWHERE, 1, 0.5, float("inf")) == 300
    jittered = EVERYWHERE.model_copy(update={"jitter_s": 60})
    assert wait_s(jittered, 1, 0.0, 120) == 120


@given(
    st.integers(1, 86_400),
    st.integers(0, 86_400),
    st.integers(0, 2_000),
    st.floats(0, 1, exclude_max=True),
)
def test_a_wait_is_never_none_and_never_much_longer_than_the_schedule(
    every_s: int, jitter_s: int, failures: int, drawn: float
) -> None:
    feed = EVERYWHERE.model_copy(update={"every_s": every_s, "jitter_s": jitter_s})
    assert min(every_s, RETRY_FIRST_S) / 2 <= wait_s(feed, failures, drawn) <= 1.5 * every_s


def test_a_source_is_meant_by_name_by_key_or_by_site() -> None:
    assert chosen(ALL, None, None) == [*ALL]
    assert chosen(ALL, "agreements", None) == [NORTH, SOUTH]
    assert chosen(ALL, "agreements/south", None) == chosen(ALL, "agreements", "south") == [SOUTH]
    with pytest.raises(ConfigurationError, match="own-fleet, agreements/north, agreements/south"):
        chosen(ALL, "visitors", None)


def test_a_kafka_that_went_away_is_no_fault_of_depotgate() -> None:
    said = cause_of(KafkaConnectionError("Connection at broker closed"))
    assert said == "Kafka ended what was asked of it (KafkaConnectionError)"
    try:
        int("04A1B2C3D4E5F6")
    except ValueError as fault:
        said = cause_of(fault)
    assert said.startswith("ValueError in test_a_kafka_that_went_away_is_no_fault_of_depotgate:")
    assert "04A1B2C3D4E5F6" not in said


async def test_a_source_is_not_removed_of_another_site_than_its_name_says(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="of site north, and --site says south"):
        await drop_feed(Settings(data=tmp_path), "agreements/north", "south", as_json=False)


def test_a_file_is_of_one_source() -> None:
    assert of_file(ALL, "agreements", "south", Path("/today.json")).key == "agreements/south"
    with pytest.raises(ConfigurationError, match="choose with --site"):
        of_file(ALL, "agreements", None, Path("/today.json"))


def receipt(age: timedelta, **other: object) -> FeedReceipt:
    whole = SAMPLES[FeedReceipt]
    assert isinstance(whole, FeedReceipt)
    known = {
        "source": "own-fleet",
        "site_id": None,
        "content_at": NOON - age,
        "quarantined": None,
        "skipped_count": 0,
    }
    return whole.model_copy(update={**known, **other})


def site(name: str, **limits: Any) -> SiteRecord:
    whole = SAMPLES[SiteRecord]
    assert isinstance(whole, SiteRecord)
    return whole.model_copy(update={"site_id": name, "feed": FeedPolicy(**limits)})


def test_rule_22_one_source_may_be_fresh_at_one_site_and_expired_at_another() -> None:
    sites = (site("south", fresh_for_s=60, stale_for_s=120), site("north"))
    folder = receipt(timedelta(days=30), source="folder", ages=False)
    found = [*standings(sites, (receipt(timedelta(minutes=5)), folder), NOON)]
    assert [(each.site_id, each.state) for each in found] == [
        ("north", FeedState.FRESH),
        ("south", FeedState.EXPIRED),
    ]
    assert found[0].stale_at == NOON + timedelta(minutes=10, microseconds=1)


def test_the_metrics_have_every_source_at_every_site_and_forget_what_is_gone() -> None:
    metrics = Metrics("worker")

    def shown(metric: str, name: str) -> float | None:
        labels = {"source": "own-fleet", "site": name}
        return metrics.registry.get_sample_value(metric, labels)

    sites = (site("north"), site("south", fresh_for_s=60, stale_for_s=3600))
    show_feed_ages(metrics, sites, (receipt(timedelta(minutes=5)),), NOON)
    assert shown(FEED_AGE.name, "north") == 300
    assert (shown(FEED_STATE.name, "north"), shown(FEED_STATE.name, "south")) == (0, 1)
    assert shown(FEED_QUARANTINED.name, "north") == 0
    show_feed_ages(metrics, sites, (), NOON)
    assert shown(FEED_AGE.name, "north") is None


@pytest.mark.parametrize(
    ("age_s", "health", "said"),
    [
        (60, Health.GOOD, "fresh, 60 s old, 3 records"),
        (600, Health.GOOD, "fresh, 10 min old"),
        (601, Health.NOTE, "fresh, 10 min old, 3 records; stale in 4 min: strange cards are then"),
        (901, Health.BAD, "stale, 15 min old, 3 records; strange cards are refused as uncertain"),
        (90_000, Health.BAD, "expired, 25 h old, 3 records; cards are judged as"),
    ],
)
def test_rule_22_doctor_says_it_before_answers_change(
    age_s: int, health: Health, said: str
) -> None:
    (finding,) = findings(receipt(timedelta(seconds=age_s)))
    assert finding.health is health
    assert finding.about == "feed own-fleet, north"
    assert finding.seen.startswith(said)


def test_doctor_says_what_is_quarantined_and_what_was_left_out() -> None:
    whole = SAMPLES[FeedReceipt]
    assert isinstance(whole, FeedReceipt)
    found = findings(
        receipt(timedelta(0), quarantined=whole.quarantined, skipped_count=4, rows_count=3)
    )
    assert [finding.health for finding in found] == [Health.GOOD, Health.BAD, Health.NOTE]
    assert found[1].advice.endswith("depotgate feed accept own-fleet")
    assert found[2].seen == "4 bad rows were left out"
    (_, one) = findings(receipt(timedelta(0), skipped_count=1))
    assert one.seen == "1 bad row was left out"


def test_doctor_names_a_source_that_never_came(tmp_path: Path) -> None:
    """It has no age that could tell."""
    path = tmp_path / "feeds.yaml"
    assert [*never_loaded(path, ())] == []
    path.write_text("feeds:\n  - {name: a, file: a}\n  - {name: b, site: n, file: b}\n")
    (found,) = never_loaded(path, ("a", "folder/n"))
    assert (found.about, found.health, found.seen) == ("feed b/n", Health.BAD, "never loaded")
    assert found.advice.endswith("depotgate feed run b/n")
    path.write_text("feeds: 3\n")
    (found,) = never_loaded(path, ())
    assert (found.health, "feeds: expected a list" in found.seen) == (Health.BAD, True)


def findings(fed: FeedReceipt) -> list[Finding]:
    (standing,) = standings((site("north"),), (fed,), NOON)
    return feed_findings(standing, NOON)
