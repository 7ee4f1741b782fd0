"""Sources of identities: which of them is meant, and fetching them on their schedule."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from aiokafka.errors import KafkaError

from connectors.feeds import feeds_file
from connectors.feeds.feed_load import Asked, FeedLoaded, load_feed
from connectors.feeds.feeds_file import FeedSource, read_feeds
from connectors.kafka.security import Kafka
from depotgate.settings import Settings
from models.errors import ConfigurationError, DepotgateError, FeedUnavailableError
from models.identifiers import Pseudonymiser

RETRY_FIRST_S = 5.0
"""After a fetch that failed: doubled with each further one, up to the source's own schedule."""

LOOK_EVERY_S = 2.0
"""For changes of feeds.yaml."""

Say = Callable[[str], None]


def feeds_path(settings: Settings, folder: Path | None = None) -> Path:
    """feeds.yaml: as set, else in the depot folder, else here."""
    return settings.feeds_file or (folder or Path.cwd()) / feeds_file.FILE


def chosen(feeds: Sequence[FeedSource], name: str | None, site: str | None) -> list[FeedSource]:
    """The sources of that name and site; None = all.

    Raises:
        ConfigurationError: there is none.
    """
    found = [
        feed for feed in feeds if name in {None, feed.name, feed.key} and site in {None, feed.site}
    ]
    if not found:
        there = ", ".join(feed.key for feed in feeds) or "none"
        raise ConfigurationError(f"expected the name of a source of feeds.yaml: {there}")
    return found


def of_file(feeds: Sequence[FeedSource], name: str, site: str | None, file: Path) -> FeedSource:
    """A source that delivers this file now, else as feeds.yaml has it, where it has it.

    Raises:
        ConfigurationError: the name is of several sites, or cannot be a source's.
    """
    known = [feed for feed in feeds if feed.name == name and site in {None, feed.site}]
    if len(known) > 1:
        keys = ", ".join(feed.key for feed in known)
        raise ConfigurationError(f"{name} is there for several sites ({keys}); choose with --site")
    return feeds_file.delivering(known[0] if known else None, name, site, file)


class FeedFollower:
    """Fetches every source of feeds.yaml on its schedule, and takes up changes of the file.

    Args:
        path: of feeds.yaml; nothing is done while there is none.
        keys: asked before each fetch, for the key file may have a new epoch by then (rule 26).
    """

    def __init__(
        self,
        bootstrap: Kafka,
        path: Path,
        keys: Callable[[], Pseudonymiser],
        actor: str,
        say: Say,
    ) -> None:
        self._bootstrap = bootstrap
        self._path = path
        self._keys = keys
        self._actor = actor
        self._say = say
        # One at a time: a million rows take some 700 MB while they are read.
        self._loading = asyncio.Lock()

    async def follow(self) -> None:
        """Until cancelled; a source that fails is said, and tried again."""
        seen: object = None
        following: asyncio.Task[None] | None = None
        try:
            while True:
                before, seen = seen, _seen(self._path)
                if seen != before:
                    following = await self._again(following)
                if following is not None and following.done():
                    following.result()
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            await _end(following)

    async def _again(self, following: asyncio.Task[None] | None) -> asyncio.Task[None] | None:
        """Follow what feeds.yaml says now; what was followed goes on where it cannot be read."""
        try:
            feeds = read_feeds(self._path) if self._path.exists() else ()
        except DepotgateError as fault:
            self._say(f"{self._path} is not taken up, what it said before stays:\n{fault}")
            return following
        await _end(following)
        return asyncio.create_task(self._follow_all(feeds)) if feeds else None

    async def _follow_all(self, feeds: Sequence[FeedSource]) -> None:
        async with asyncio.TaskGroup() as tasks:
            for feed in feeds:
                tasks.create_task(self._follow_one(feed))

    async def _follow_one(self, feed: FeedSource) -> None:
        failures_count, retry_after_s = 0, 0.0
        while True:
            fault = await self._fetch_once(feed, failed_before=failures_count > 0)
            if fault is None:
                failures_count, retry_after_s = 0, 0.0
            else:
                failures_count += 1
                retry_after_s = (
                    fault.retry_after_s if isinstance(fault, FeedUnavailableError) else 0.0
                )
                cause = cause_of(fault)
                self._say(f"feed {feed.key} is not loaded, what it said before stays: {cause}")
            await asyncio.sleep(wait_s(feed, failures_count, random.random(), retry_after_s))

    async def _fetch_once(self, feed: FeedSource, *, failed_before: bool) -> Exception | None:
        """Why it is not loaded; None where it is."""
        try:
            async with self._loading:
                loaded = await load_feed(self._bootstrap, feed, self._keys(), Asked(self._actor))
        except Exception as fault:  # whatever a source sends, the gateway beside this goes on
            return fault
        if _worth_saying(loaded) or failed_before:
            self._say(said(loaded))
        return None


def cause_of(fault: Exception) -> str:
    """Why a source is not loaded. A fault of depotgate's own is told by type and place: its text
    may hold what the source sent."""
    match fault:
        case DepotgateError():
            return str(fault)
        case KafkaError():
            return f"Kafka ended what was asked of it ({type(fault).__name__})"
    place = traceback.extract_tb(fault.__traceback__, limit=-1)[0]
    return f"{type(fault).__name__} in {place.name}:{place.lineno}, which is depotgate's own fault"


def wait_s(
    feed: FeedSource, failures_count: int, drawn: float, retry_after_s: float = 0.0
) -> float:
    """Until the next fetch.

    Args:
        drawn: from [0, 1), for the jitter.
        retry_after_s: what the source asked for; it is given that, up to its own schedule.
    """
    every_s = float(feed.every_s)
    if failures_count:
        # Doubled up to a bound, lest a number too large for a float is asked for.
        every_s = min(every_s, RETRY_FIRST_S * 2 ** min(failures_count - 1, 20))
    jitter_s = min(feed.jitter_s, every_s / 2)
    return max(every_s + (2 * drawn - 1) * jitter_s, min(retry_after_s, feed.every_s))


def _worth_saying(loaded: FeedLoaded) -> bool:
    return bool(loaded.change) or loaded.quarantined or bool(loaded.skipped)


async def _end(following: asyncio.Task[None] | None) -> None:
    if following is not None:
        following.cancel()
        await asyncio.wait({following})


def _seen(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def said(loaded: FeedLoaded, accepted_by: str | None = None) -> str:
    """A load in one sentence.

    Args:
        accepted_by: how it is taken, if it is quarantined; None = as of feeds.yaml.
    """
    receipt, change = loaded.receipt, loaded.change
    of = f"content of {receipt.content_at:%Y-%m-%d %H:%M:%S}Z"
    if loaded.quarantined:
        assert receipt.quarantined is not None, "that is what it says"
        seen = receipt.quarantined
        return (
            f"{receipt.key}: quarantined, nothing was replaced: {seen.vanishing_count:,} of "
            f"{seen.standing_count:,} records would vanish; see to its source, or take it with "
            + (accepted_by or f"`depotgate feed accept {receipt.key}`")
        )
    if loaded.unchanged:
        return f"{receipt.key}: nothing is new, {of}"
    rows = "row" if receipt.skipped_count == 1 else "rows"
    skipped = f", {receipt.skipped_count:,} bad {rows} left out" if receipt.skipped_count else ""
    return (
        f"{receipt.key}: {receipt.rows_count:,} records ({change.added:,} new, "
        f"{change.changed:,} changed, {change.removed:,} gone{skipped}), {of}, "
        f"in {loaded.took_s:g} s"
    )
