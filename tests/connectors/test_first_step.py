"""The first step of a coroutine: taken at once, and gone on from only where it waits."""

from __future__ import annotations

import asyncio

import pytest

from connectors.first_step import Begun


class Work:
    """A coroutine that waits for a gate, and tells how far it is."""

    def __init__(self, *, opened: bool) -> None:
        self.gate: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.steps: list[str] = []
        if opened:
            self.gate.set_result("through")

    async def run(self) -> str:
        self.steps.append("began")
        try:
            answer = await self.gate
            if answer == "again":
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.steps.append("cancelled")
            raise
        self.steps.append("ended")
        return answer


async def test_what_waits_for_nothing_is_done_at_once() -> None:
    work = Work(opened=True)
    begun = Begun(work.run())
    assert work.steps == ["began", "ended"]
    assert begun.done
    assert begun.result == "through"
    assert await begun == "through"


async def test_what_waits_goes_on_where_it_began() -> None:
    work = Work(opened=False)
    begun = Begun(work.run())
    assert (begun.done, work.steps) == (False, ["began"])
    # Through both a future and a bare turn of the loop.
    asyncio.get_running_loop().call_soon(work.gate.set_result, "again")
    assert await begun == "again"
    assert work.steps == ["began", "ended"]


async def test_a_time_out_reaches_the_coroutine_where_it_waits() -> None:
    work = Work(opened=False)
    begun = Begun(work.run())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await begun
    assert work.steps == ["began", "cancelled"]


async def test_what_it_waits_for_may_fail() -> None:
    work = Work(opened=False)
    begun = Begun(work.run())
    asyncio.get_running_loop().call_soon(work.gate.set_exception, ConnectionError("away"))
    with pytest.raises(ConnectionError):
        await begun


async def test_what_fails_at_once_is_raised_at_once() -> None:
    work = Work(opened=False)
    work.gate.set_exception(ConnectionError("away"))
    with pytest.raises(ConnectionError):
        Begun(work.run())
