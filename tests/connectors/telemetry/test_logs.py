"""Logs in processes of their own: one JSON object a line, bounded, and libraries kept short."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from connectors.telemetry.logs import LINES_BURST

PROGRAM = """
import logging, sys
from pathlib import Path
import structlog
from connectors.telemetry.logs import configure_logs
configure_logs("gateway", Path(sys.argv[1]) if len(sys.argv) > 1 else None)
structlog.get_logger("connectors.sample").warning("kafka.away", held=3)
structlog.get_logger("connectors.sample").debug("not said")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("connectors.sample").exception("decision.failed")
aiokafka = logging.getLogger("aiokafka.conn")
aiokafka.info("chatter")
aiokafka.warning("Not authorized to read from topic %s.", "depot.sites.v1")
for number in range(500):
    aiokafka.error("Unable connect to node %d", number)
"""


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, check=True, text=True
    )
    assert not done.stdout
    return done.stderr


def lines_of(text: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in text.splitlines()]


def test_a_line_has_opentelemetrys_fields() -> None:
    first, failed, *_ = lines_of(run())
    assert first["body"] == "kafka.away"
    assert (first["severity_text"], first["severity_number"]) == ("WARNING", 13)
    assert first["attributes"] == {"held": 3}
    assert first["resource"]["service.name"] == "depotgate-gateway"
    assert first["timestamp"].endswith("Z")
    assert failed["severity_text"] == "ERROR"
    assert "ZeroDivisionError" in failed["attributes"]["exception"]


def test_a_library_says_a_burst_and_no_more() -> None:
    said = [line for line in lines_of(run()) if line["attributes"].get("logger") == "aiokafka.conn"]
    # One more for each second that the program takes.
    assert LINES_BURST <= len(said) <= LINES_BURST + 50
    assert all(line["severity_text"] == "ERROR" for line in said), "chatter is not let through"


def test_logs_go_to_a_file_and_not_to_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "gateway.log"
    assert run(str(path)) == ""
    assert lines_of(path.read_text())[0]["body"] == "kafka.away"
