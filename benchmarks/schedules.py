"""Schedules alone: compiled over 400 days, and asked; each in a process of its own."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from benchmarks.processes import Child, Children, memory_mb
from models.schedule import WEEKDAYS, Mode, Schedule, Window
from models.timeline import BLOCK_DAYS, Timeline
from models.zones import zone

CHARGERS = 10_000
WINDOWS = 50
DAYS = 400

SHARED = 100
"""Schedules that the chargers of the second part follow: a hundred chargers each. All at once stay
compiled, which for each charger's own would take 12 GB."""

LOOKUPS = 1_000_000

FIRST = datetime(2026, 7, 1, tzinfo=UTC)
ZONES = ("Europe/Berlin", "America/Vancouver", "Australia/Melbourne", "Asia/Kolkata")

DONE_WITHIN_S = 900.0
"""Several times what it takes on two slow cores."""


@dataclass(frozen=True, slots=True)
class Compiling:
    """Schedules compiled one after the other, each dropped before the next.

    Attributes:
        took_s: of the clock on the wall, in this process, compiling.
        memory_mb: at the highest, with Python and the program.
    """

    schedules_count: int
    took_s: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class Asking:
    """Modes at any instant, of any charger, from timelines that are compiled.

    Attributes:
        lookups_per_s: of the mode at any instant of the 400 days.
        outlooks_per_s: of one instant: mode, source and the next two changes, as an attempt asks.
    """

    chargers_count: int
    schedules_count: int
    lookups_per_s: float
    outlooks_per_s: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class SchedulesTime:
    """Both parts.

    Attributes:
        compiling: by process; they ran at once, one a core.
    """

    windows_count: int
    days: int
    compiling: tuple[Compiling, ...]
    asking: Asking

    @property
    def compiled_count(self) -> int:
        """Schedules compiled in all."""
        return sum(part.schedules_count for part in self.compiling)

    @property
    def compiled_s(self) -> float:
        """Of the process that took longest."""
        return max(part.took_s for part in self.compiling)

    @property
    def ms_each(self) -> float:
        """Of one core, a schedule."""
        return 1000 * sum(part.took_s for part in self.compiling) / self.compiled_count


async def measure_schedules(children: Children, chargers: int = CHARGERS) -> SchedulesTime:
    """Compile a schedule of its own for each charger, on all cores; then ask shared ones."""
    cores = len(os.sched_getaffinity(0))
    parts = [
        _start(children, "compile", core, len(range(core, chargers, cores)))
        for core in range(cores)
    ]
    compiling = tuple([Compiling(**await _result(*part)) for part in parts])
    asking = Asking(**await _result(*_start(children, "ask", 0, SHARED)))
    return SchedulesTime(WINDOWS, DAYS, compiling, asking)


def _start(children: Children, part: str, seed: int, count: int) -> tuple[Child, Path]:
    out = children.folder / f"schedules-{part}-{seed}.json"
    command = ["benchmarks.schedules", part, str(seed), str(count), str(out)]
    return children.start(out.stem, command), out


async def _result(child: Child, out: Path) -> dict[str, Any]:
    await child.wait_until(out.exists, DONE_WITHIN_S, "done")
    return _read(out)


def _read(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(out.read_bytes())
    return found


def schedules(seed: int, count: int) -> Iterator[Schedule]:
    """Different ones: windows on each weekday, some over midnight, of either mode."""
    drawn = random.Random(seed)
    for number in range(count):
        windows = (_window(place, drawn) for place in range(WINDOWS))
        yield Schedule(id=f"s{seed}-{number}", default=Mode.FREEVEND, windows=tuple(windows))


def _window(place: int, drawn: random.Random) -> Window:
    # Eight starts a day, and the windows of a day never overlap: nobody could save them.
    begins = place // len(WEEKDAYS) * 180 + drawn.randrange(60)
    ends = begins + drawn.randrange(30, 120)
    return Window(
        name=f"window {place}",
        days=(WEEKDAYS[place % len(WEEKDAYS)],),
        start=_written(begins),
        end=_written(ends),
        mode=drawn.choice(tuple(Mode)),
    )


def _written(minute: int) -> str:
    return f"{minute // 60 % 24:02}:{minute % 60:02}"


def compiled(schedule: Schedule, number: int) -> Timeline:
    """A timeline that has compiled all of its 400 days."""
    timeline = Timeline(schedule, zone(ZONES[number % len(ZONES)]))
    for days in (*range(0, DAYS, BLOCK_DAYS), DAYS):
        timeline.mode_at(FIRST + timedelta(days=days))
    return timeline


def compile_all(seed: int, count: int) -> Compiling:
    """Compile so many schedules, one after the other."""
    took_s = 0.0
    for number, schedule in enumerate(schedules(seed, count)):
        # Drawing and validating it is not counted.
        started_s = time.perf_counter()
        compiled(schedule, number)
        took_s += time.perf_counter() - started_s
    return Compiling(count, took_s, _highest_mb())


def ask_all(seed: int, count: int) -> Asking:
    """Ask the timelines of 10,000 chargers, shared by as many as follow one schedule."""
    timelines = [compiled(each, number) for number, each in enumerate(schedules(seed, count))]
    of_charger = [timelines[charger % count] for charger in range(CHARGERS)]
    drawn = random.Random(seed)
    minutes = DAYS * 24 * 60
    questions = [
        (
            of_charger[drawn.randrange(CHARGERS)],
            FIRST + timedelta(minutes=drawn.randrange(minutes)),
        )
        for _ in range(LOOKUPS)
    ]
    started_s = time.perf_counter()
    for timeline, at in questions:
        timeline.mode_at(at)
    lookups_s = time.perf_counter() - started_s
    # An outlook is remembered for the segment it is in: attempts ask about now, and now lasts.
    now = FIRST + timedelta(days=DAYS // 2)
    started_s = time.perf_counter()
    for timeline, _ in questions:
        timeline.outlook(now, limit=2)
    outlooks_s = time.perf_counter() - started_s
    return Asking(CHARGERS, count, LOOKUPS / lookups_s, LOOKUPS / outlooks_s, _highest_mb())


def _highest_mb() -> float:
    return memory_mb(os.getpid())[1]


def main() -> None:
    """`compile` or `ask`, a seed, a count, and the file for the result."""
    part, seed, count, out = sys.argv[1:]
    measure = compile_all if part == "compile" else ask_all
    found: Compiling | Asking = measure(int(seed), int(count))
    whole = Path(f"{out}.part")
    whole.write_bytes(orjson.dumps(asdict(found)))
    whole.rename(out)


if __name__ == "__main__":
    main()
