"""How the tests share two cores."""

from __future__ import annotations

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep everything that needs the broker in one process: there is one broker a test session.

    With `-n 2 --dist loadgroup` those tests run one after the other, and unit tests beside them.
    """
    if item.get_closest_marker("integration") is not None:
        item.add_marker(pytest.mark.xdist_group("broker"))
