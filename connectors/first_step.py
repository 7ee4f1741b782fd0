"""Most of what may have to wait does not: the first step of a coroutine, taken without a task."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Begun(Generic[T]):
    """A coroutine whose first step has been taken. It is to be awaited unless it is `done`.

    What only guards a wait (a time-out, a task that can be left) is then needed only where there is
    one.

    Raises:
        BaseException: what the first step raises.
    """

    __slots__ = ("_awaited", "_coroutine", "done", "result")

    result: T
    """Of a coroutine that was done with its first step."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._awaited: Any = None
        self.done = False
        try:
            self._awaited = coroutine.send(None)
        except StopIteration as ended:
            self.done = True
            self.result = ended.value

    def __await__(self) -> Generator[Any, Any, T]:
        """Go on from the first step; once."""
        if self.done:
            return self.result
        awaited, coroutine = self._awaited, self._coroutine
        try:
            while True:
                try:
                    sent = yield awaited
                except BaseException as fault:
                    awaited = coroutine.throw(fault)
                else:
                    awaited = coroutine.send(sent)
        except StopIteration as ended:
            result: T = ended.value
            return result
