"""What a VTIMEZONE says once more for Outlook, where it changes nothing for others.

Of several DAYLIGHTs Outlook reads the one with the latest DTSTART, of several STANDARDs too
([MS-OXCICAL] 2.1.3.1.1.19.2 and .3), and of each a rule of one weekday of one month. It keeps no
other clock changes, and these for every year.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta

from connectors.feeds.icalendar_yearly import Observance, Part, Yearly, ordinals
from models.zones import tzdata_version

YEARS_COMPARED = 10
"""From that of the tz database on: a calendar is mostly of these years when it is read. One that
begins after them has all of its own compared."""

_DAY = timedelta(days=1)


def for_outlook(parts: Sequence[Part], final: Observance, last: date) -> Iterator[Part]:
    """The parts that it needs besides; mostly none.

    A rule of another form than its own stays as it is, and Outlook passes over the zone: ical4j
    cannot hold two rules of a kind.

    Args:
        final: what holds at the end.
        last: date up to which others read `parts`.
    """
    if any(part.yearly or part.onsets[-1].year >= last.year - 1 for part in parts):
        for latest in (_latest(parts, daylight) for daylight in (False, True)):
            if latest and not latest.yearly:
                yield _nearly(latest, last.year + 1)
    else:
        yield from _ended(parts, final, last.year + 1)


def _latest(parts: Iterable[Part], daylight: bool) -> Part | None:
    """The one that Outlook reads of those of a kind."""
    ours = (part for part in parts if part.kind.daylight is daylight)
    return max(ours, key=lambda part: part.onsets[0], default=None)


def _ended(parts: Sequence[Part], final: Observance, year: int) -> Iterator[Part]:
    """What holds since the last change, where Outlook would go on with what was before.

    From a far year on: where it is soon after the change, biweekly has other clocks before it.
    """
    standard, summer = (_latest(parts, daylight) for daylight in (False, True))
    if not summer and (standard is None or standard.kind.after == final.after):
        return
    since = datetime(year, 1, 1)  # noqa: DTZ001
    holds = final._replace(before=final.after, daylight=False)
    yield Part(holds, (since,))
    if summer:
        # A summer time that saves nothing: as Exchange writes zones without it.
        yield Part(holds._replace(daylight=True), (since,))


def _nearly(part: Part, year: int) -> Part:
    """A list as one rule, from a year on: the one that is the fewest hours off in these years."""
    first = int(tzdata_version()[:4])
    near = [each for each in part.onsets if first <= each.year < first + YEARS_COMPARED]
    compared = near or part.onsets
    kind, clock = min(
        _rules(compared), key=lambda rule: sum(_off_h(rule, onset) for onset in compared)
    )
    return Part(part.kind, (datetime.combine(kind.on(year), clock),), kind)


def _rules(onsets: Iterable[datetime]) -> Iterator[tuple[Yearly, time]]:
    for onset in onsets:
        for kind in ordinals(onset):
            yield kind, onset.time()
        # Gaza's is on the day before the last Sunday of March.
        for kind in ordinals(onset + _DAY):
            yield kind, time()


def _off_h(rule: tuple[Yearly, time], onset: datetime) -> float:
    """Hours between a rule's and the zone's own change of that year."""
    kind, clock = rule
    return abs(datetime.combine(kind.on(onset.year), clock) - onset) / timedelta(hours=1)
