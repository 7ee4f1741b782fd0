"""Logs: one JSON object a line, with the field names of OpenTelemetry's log data model.

Nobody logs a payload, a header or an identifier (rule 26); what libraries say is let through from
WARNING up, and no faster than a person could read it.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

LOG_FILE_BYTES = 10 * 1024 * 1024
LOG_FILES = 3
"""30 MB a process: weeks of a quiet depot, and no full disk in a bad night."""

LINES_BURST = 20
LINES_PER_S = 1.0
"""Of one library: aiokafka says over 3,000 lines in an outage of 30 s, and one would do."""

LIBRARIES = ("aiokafka", "faust", "mode", "websockets", "asyncio", "streams.overrides")
"""The last one: Faust's services log under the name of the module that makes their class."""

SAID_ONCE = ("Not authorized to read from topic",)
"""How lines begin that a library says again and again, and we say once with what to do about it
(connectors/kafka/permission_watch.py)."""

_SEVERITY_NUMBERS = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}
"""OpenTelemetry log data model, field SeverityNumber."""


class Throttle(logging.Filter):
    """Lets a burst through, then a line a second; tells with the next one how many it kept back."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = float(LINES_BURST)
        self._at_s = time.monotonic()
        self._kept_back = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is let through."""
        if str(record.msg).startswith(SAID_ONCE):
            return False
        now_s = time.monotonic()
        self._lines = min(float(LINES_BURST), self._lines + (now_s - self._at_s) * LINES_PER_S)
        self._at_s = now_s
        if self._lines < 1.0:
            self._kept_back += 1
            return False
        self._lines -= 1.0
        if self._kept_back:
            record.msg = f"{record.getMessage()} (and {self._kept_back} lines kept back)"
            record.args = ()
            self._kept_back = 0
        return True


def configure_logs(role: str, log_file: Path | None = None) -> None:
    """Send every log line of this process to a file of bounded size, or to standard error.

    Args:
        role: gateway, worker or another; OpenTelemetry's service.name is `depotgate-ROLE`.
    """
    handler: logging.Handler
    if log_file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            log_file, maxBytes=LOG_FILE_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8"
        )
    resource = {"service.name": f"depotgate-{role}", "process.pid": os.getpid()}
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _OpenTelemetry(resource),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in LIBRARIES:
        library = logging.getLogger(name)
        library.setLevel(logging.WARNING)
        _throttle(library)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )


def quiet_logs() -> None:
    """For commands that talk to a person: what goes wrong they say themselves, in a sentence."""
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
    )


def _throttle(library: logging.Logger) -> None:
    # A logger's own filters do not see what its children say; one handler between does.
    library.propagate = False
    library.handlers = [_Throttled(Throttle())]


class _Throttled(logging.Handler):
    """Hands lines on to the root's handlers, as many as its throttle lets through."""

    def __init__(self, throttle: Throttle) -> None:
        super().__init__()
        self.addFilter(throttle)

    def emit(self, record: logging.LogRecord) -> None:
        for handler in logging.getLogger().handlers:
            handler.handle(record)


class _OpenTelemetry:
    """The last step: a line of JSON."""

    def __init__(self, resource: dict[str, Any]) -> None:
        self._resource = resource

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> str:
        severity = event.pop("level", "info")
        line = {
            "timestamp": event.pop("timestamp", None),
            "severity_text": severity.upper(),
            "severity_number": _SEVERITY_NUMBERS.get(severity, 0),
            "body": event.pop("event", ""),
            "resource": self._resource,
            "attributes": event,
        }
        return orjson.dumps(line, default=str).decode()
