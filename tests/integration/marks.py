"""Marks of the modules that start a Kafka of their own, or an installation that does."""

from __future__ import annotations

import pytest

from connectors.kafka.broker_jars import jars_obstacle

# Asked once for all modules: it runs Java.
_OBSTACLE = jars_obstacle()

OWN_KAFKA = (
    pytest.mark.integration,
    pytest.mark.skipif(_OBSTACLE is not None, reason=f"Kafka from its jars: {_OBSTACLE}"),
)
OWN_KAFKA_IN_ONE_LOOP = (*OWN_KAFKA, pytest.mark.asyncio(loop_scope="module"))
