"""How the tests share two cores."""

from __future__ import annotations

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

BROKER = "tests/integration/"


class OneBroker(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Keeps everything that needs the broker in one process, one after the other.

    There is one broker a test session, and those tests wait for deadlines most of the time: unit
    tests run beside them. (xdist's own groups, `--dist loadgroup`, are lost with pytest 9.2.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return BROKER if nodeid.startswith(BROKER) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneBroker | None:
    """With `-n 2 --dist loadscope`; any other distribution is xdist's own."""
    return OneBroker(config, log) if config.getvalue("dist") == "loadscope" else None
