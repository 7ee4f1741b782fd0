"""A replay from its question to its report."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from connectors.kafka.security import Kafka
from connectors.keys import read_keys
from depotgate.draft import Draft, read_draft
from depotgate.progress import progress_bar
from depotgate.reaching import reachable_kafka
from depotgate.replaying.judging import InDraft, Judge, OwnRecord
from depotgate.replaying.period import OnRead, Period, decisions_of
from depotgate.replaying.pool import Pool, pool_of
from depotgate.replaying.report import DraftNamed, Replayed
from depotgate.replaying.tally import Total
from depotgate.settings import Settings
from depotgate.written_times import written_time
from models.errors import ConfigurationError, NotFoundError
from models.topics import DECISIONS
from models.zones import zone


class Asked(NamedTuple):
    """What is to be replayed.

    Attributes:
        since, until: as written; no `until` = until now.
        site_id: None = every site, or the draft's.
        folder: of a draft; None = from the attempts' own records.
    """

    since: str
    until: str | None
    site_id: str | None
    folder: Path | None


class Runner(Protocol):
    """Runs a coroutine in an event loop of its own, until it ends or a person ends it."""

    def __call__(self, main_: Coroutine[Any, Any, Total]) -> Total:
        """Its result."""


def replay_period(settings: Settings, asked: Asked, run: Runner) -> Replayed:
    """Decide the attempts of a period again.

    Args:
        run: the loop begins here, after the processes that decide.

    Raises:
        DepotgateError: the question or the draft is wrong, nothing was decided then, or no Kafka
            answers.
    """
    bootstrap = reachable_kafka(settings)
    epochs = _epochs(settings)
    draft = _draft(settings, asked)
    period = _period(asked, zone(draft.site.timezone if draft else "UTC"), datetime.now(UTC))
    judge: Judge = (
        InDraft(draft, epochs or frozenset()) if draft else OwnRecord(asked.site_id, epochs)
    )
    began_s = time.perf_counter()
    # Before the bar and the loop begin: both have threads, and a fork has none of them.
    with pool_of(judge) as pool, progress_bar("decisions") as step:
        total = run(_add_up(bootstrap, period, pool, step))
    took_s = time.perf_counter() - began_s
    _refuse_nothing(total, period, asked, draft)
    named = (
        DraftNamed(str(asked.folder), draft.site.site_id, str(draft.site.stage)) if draft else None
    )
    return Replayed(period, total, took_s, named, epochs_known=epochs is not None)


async def _add_up(bootstrap: Kafka, period: Period, pool: Pool, step: OnRead) -> Total:
    total = Total()
    async for tally in pool.tallies(decisions_of(bootstrap, period, step)):
        total.add(tally)
    return total


def _epochs(settings: Settings) -> frozenset[str] | None:
    """The key epochs that there still are; None where no key file is named."""
    if settings.pseudonym_keys_file is None:
        return None
    return frozenset(epoch.kid for epoch in read_keys(settings.pseudonym_keys_file))


def _draft(settings: Settings, asked: Asked) -> Draft | None:
    if asked.folder is None:
        return None
    epochs = read_keys(settings.pseudonym_keys_file)
    with progress_bar("identities") as step:
        draft = read_draft(asked.folder, epochs, settings.tenant, step)
    if asked.site_id not in {None, draft.site.site_id}:
        raise ConfigurationError(
            f"{asked.folder} is a draft of site {draft.site.site_id}, not of {asked.site_id}"
        )
    return draft


def _period(asked: Asked, here: ZoneInfo, now: datetime) -> Period:
    since = written_time(asked.since, here, now, "--since")
    until = written_time(asked.until, here, now, "--until") if asked.until else now
    return Period.of(since, until)


def _refuse_nothing(total: Total, period: Period, asked: Asked, draft: Draft | None) -> None:
    """A replay of nothing proves nothing.

    Raises:
        NotFoundError: saying what was searched.
    """
    tally = total.tally
    if tally.decisions_count or tally.unreadable or any(tally.absent.values()):
        return
    site_id = draft.site.site_id if draft else asked.site_id
    at = f" at site {site_id}" if site_id else ""
    others = f"; {tally.other_sites_count:,} at other sites" if tally.other_sites_count else ""
    raise NotFoundError(
        f"no attempt{at} {period} in {DECISIONS.name}{others}; it keeps "
        f"{DECISIONS.retention_days} days"
    )
