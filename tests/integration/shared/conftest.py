"""One installation for all modules here, to which each of them brings a site of its own.

Chargers have ids that are theirs alone. What other modules left on the topics, and what the
installation says of their chargers, is none of a test's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.integration.depots import Depot, rows
from tests.integration.installations import Up


@pytest.fixture(scope="package")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """`depotgate up` over a depot of which no test needs anything."""
    depot = Depot(tmp_path_factory.mktemp("depot"), "first", rows("FIRST", "open", 1))
    installation = Up(tmp_path_factory.mktemp("up"), depot)
    try:
        asyncio.run(installation.start_sooner())
        yield installation
    finally:
        installation.end()
