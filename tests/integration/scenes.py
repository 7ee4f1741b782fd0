"""One installation for many tests that run at the same time, each with chargers of its own."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, TypeVar, cast

from depotgate.demo.charger import Charger
from depotgate.demo.odd.family import FAMILY
from depotgate.demo.watch import Heard, Watch
from models.attempt import Denial, Outcome
from models.charger import ChargerState, ModeFact, ModeFactKind
from models.overrides import OverrideRecord
from models.schedule import Mode
from tests.integration.depots import Depot, Row
from tests.integration.installations import QUICK, Fleet, Up, holds_within
from tests.integration.overrides import end_override, override
from tests.integration.told import load

WITHIN_S = 60.0
"""All tests of a module share two cores, and a stop that was lost is sent again after 30 s."""

Kind = TypeVar("Kind", bound=Heard)


class Scene(Fleet):
    """Chargers of the family, their installation, and all that its topics say from the start.

    Args:
        cast: which oddity of FAMILY each charger has; those without are as others.
    """

    def __init__(self, up: Up, depot: Depot, cast: Mapping[str, str]) -> None:
        super().__init__(depot, up.ocpp)
        self.up = up
        self.depot = depot
        self._heard: defaultdict[tuple[type[object], str], list[Heard]] = defaultdict(list)
        self._ends: dict[str, asyncio.Task[None]] = {}
        rows = {row.charger_id: row for row in depot.chargers}
        for charger_id, name in cast.items():
            self.chargers[charger_id] = FAMILY[name].charger(
                rows[charger_id].ocpp,
                charger_id,
                up.ocpp,
                QUICK,
                password=depot.password,
                on_attempt=self.attempts.append,
            )

    def hear(self, record: Heard) -> None:
        """Take what a topic says."""
        self._heard[type(record), _charger_of(record)].append(record)

    def of_kind(self, kind: type[Kind], charger_id: str) -> list[Kind]:
        """What the topics say of a charger, in order."""
        return cast("list[Kind]", [*self._heard[kind, charger_id]])

    def facts(self, charger_id: str, kind: ModeFactKind) -> list[ModeFact]:
        """Its mode facts of a kind."""
        return [each for each in self.of_kind(ModeFact, charger_id) if each.kind == kind]

    def state(self, charger_id: str) -> ChargerState:
        """Its newest row."""
        return self.of_kind(ChargerState, charger_id)[-1]

    async def until_told(
        self, charger_id: str, kind: ModeFactKind, count: int = 1, within_s: float = WITHIN_S
    ) -> list[ModeFact]:
        """Its mode facts of a kind, once there are so many."""
        await holds_within(
            lambda: len(self.facts(charger_id, kind)) >= count,
            within_s,
            f"{count} {kind} of {charger_id}",
        )
        return self.facts(charger_id, kind)

    async def until_row(
        self, charger_id: str, condition: Callable[[ChargerState], Any]
    ) -> ChargerState:
        """Its newest row, once there is one of which this holds."""
        await holds_within(
            lambda: self.of_kind(ChargerState, charger_id) and condition(self.state(charger_id)),
            WITHIN_S,
            f"a row of {charger_id}",
        )
        return self.state(charger_id)

    async def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait for it to hold."""
        await holds_within(condition, WITHIN_S, what)

    async def until_in(self, mode: Mode, charger_id: str) -> Charger:
        """The charger, once it is in that mode and depotgate knows."""
        charger = self[charger_id]

        def there() -> bool:
            observed = self.state(charger_id).observed
            return charger.mode is mode and observed is not None and observed.mode is mode

        await holds_within(
            lambda: self.of_kind(ChargerState, charger_id) and there(),
            WITHIN_S,
            f"{charger_id} is in {mode}",
        )
        return charger

    async def override(self, charger_id: str, mode: Mode) -> OverrideRecord:
        """Another mode for one charger, from now on."""
        return await override(self.up.kafka, charger_id, mode)

    async def end_override(self, record: OverrideRecord) -> None:
        """What the timetable says, again."""
        await end_override(self.up.kafka, record)

    def begin(self, bodies: Mapping[str, Body]) -> None:
        """Run all tests of a module at once."""
        self._ends = {name: asyncio.create_task(body(self)) for name, body in bodies.items()}

    async def end_of(self, name: str) -> None:
        """Wait for a test to end; raises what it raised."""
        await self._ends[name]

    async def leave(self) -> None:
        """End tests that nobody waited for."""
        for task in self._ends.values():
            task.cancel()
        await asyncio.gather(*self._ends.values(), return_exceptions=True)


Body = Callable[[Scene], Coroutine[Any, Any, None]]


class AtOnce:
    """Marks the tests of a module that run at the same time, from the moment the scene is set."""

    def __init__(self) -> None:
        self.bodies: dict[str, Body] = {}

    def __call__(self, body: Body) -> Body:
        """The test that waits for that body to end."""
        name = body.__name__
        self.bodies[name] = body

        @wraps(body)
        async def test(scene: Scene) -> None:
            await scene.end_of(name)

        return test


@asynccontextmanager
async def scene_of(
    up: Up,
    depot: Depot,
    cast: Mapping[str, str],
    at_once: AtOnce,
    *,
    before: Callable[[Scene], None] = lambda _: None,
) -> AsyncIterator[Scene]:
    """An installation to which the depot is added, its chargers connected and the tests running.

    Args:
        before: done to the chargers before they connect.
    """
    await load(up, depot.folder)
    scene = Scene(up, depot, cast)
    before(scene)
    async with (
        Watch(up.kafka, scene.hear) as watch,
        asyncio.TaskGroup() as tasks,
        scene.connected(),
    ):
        following = tasks.create_task(watch.follow())
        scene.begin(at_once.bodies)
        yield scene
        await scene.leave()
        following.cancel()


def cast_of(rows: Sequence[tuple[Row, str]]) -> Iterator[tuple[str, str]]:
    """Which charger has which oddity."""
    return ((row.charger_id, oddity) for row, oddity in rows if oddity)


def _charger_of(record: Heard) -> str:
    return record.attempt.charger_id if isinstance(record, Outcome) else str(record.charger_id)


def denials(scene: Scene, charger_id: str, reason: str) -> list[Denial]:
    """Its denial records with that reason."""
    return [each for each in scene.of_kind(Denial, charger_id) if each.reason == reason]
