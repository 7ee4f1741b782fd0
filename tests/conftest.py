"""How far properties search, how the tests share two cores, and what the collector looks at."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

BROKER = "tests/integration/"
ONE_INSTALLATION = f"{BROKER}shared/"

# `make check` looks at a part of what `make test` does, `search` looks for something new, for as
# long as a person likes to wait. The first two repeat the same search every time. No deadline, and
# nobody minds how long examples take to be drawn: the machine may be busy with a broker, and some
# oracles are slow on purpose.
settings.register_profile(
    "check",
    max_examples=20,
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("test", settings.get_profile("check"), max_examples=60)
settings.register_profile(
    "search", settings.get_profile("check"), max_examples=3000, derandomize=False
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is loaded before the first test stays to the end: the garbage collector leaves it out.

    It would walk hundreds of thousands of functions, schemas and tests again and again, a tenth of
    all the time. With so little to look at it may also come less often.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000)
        gc.enable()


class BrokerEach(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Shares out modules that need a broker, each of them to one process, and unit tests singly.
    Those that share an installation stay together.

    Each process has a broker of its own. Those modules wait for deadlines most of the time: four
    of them fit on two cores, and they go first, as the unit tests fill what is left at the end.
    (xdist's own groups, `--dist loadgroup`, are lost with pytest 9.2.)
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(ONE_INSTALLATION):
            return ONE_INSTALLATION
        return nodeid.partition("::")[0] if nodeid.startswith(BROKER) else nodeid


class OneBroker(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps everything that needs the broker in one process, one after the other.

    For a broker that is there already (DEPOTGATE_KAFKA): two workers of different tests would share
    its partitions.
    """

    def _split_scope(self, nodeid: str) -> str:
        return BROKER if nodeid.startswith(BROKER) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """With `-n 4 --dist loadscope`; any other distribution is xdist's own."""
    if config.getvalue("dist") != "loadscope":
        return None
    return (OneBroker if os.environ.get("DEPOTGATE_KAFKA") else BrokerEach)(config, log)
