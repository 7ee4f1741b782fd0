"""The depot that the tests of the demo have in common, and what happens in it."""

from __future__ import annotations

import pytest

from depotgate.demo.depot import DemoDepot
from tests.depotgate.demo.histories import History, demo_depot


@pytest.fixture(scope="session")
def depot(tmp_path_factory: pytest.TempPathFactory) -> DemoDepot:
    """Written once: nothing changes it, and to compile two hours of edges takes a while."""
    return demo_depot(tmp_path_factory.mktemp("demo"))


@pytest.fixture
def history(depot: DemoDepot) -> History:
    """A history of it that nothing has happened in yet."""
    return History(depot)
