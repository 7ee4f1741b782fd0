"""A flag server that speaks the client API of Unleash, as far as its client library asks."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from models.site import Stage


class FlagServer:
    """Serves one flag with a strategy for each stage: which chargers are in it.

    Args:
        token: that a client must show.
        port: 0 = any free one; the same again after a stop.
    """

    def __init__(self, flag: str, token: str, port: int = 0) -> None:
        self.stages: Mapping[str, Stage] = {}
        self.asked_count = 0
        self._flag = flag
        self._token = token
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def stop(self) -> None:
        """From now on nobody answers there."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def features(self) -> dict[str, Any]:
        """The answer to /client/features (Unleash client specification, version 2)."""
        strategies = [
            {
                "name": "userWithId",
                "parameters": {"userIds": ",".join(chargers)},
                "constraints": [],
                "variants": [_variant(stage)],
            }
            for stage in Stage
            if (chargers := [each for each, its in self.stages.items() if its is stage])
        ]
        flag = {
            "name": self._flag,
            "type": "release",
            "enabled": True,
            "strategies": strategies,
            "variants": [],
        }
        return {"version": 2, "features": [flag]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        flags = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.headers.get("Authorization") != flags._token:
                    self._answer(401, {})
                elif self.path.startswith("/api/client/features"):
                    flags.asked_count += 1
                    self._answer(200, flags.features())
                else:
                    self._answer(404, {})

            def do_POST(self) -> None:
                # /client/register and /client/metrics: taken, and not looked at.
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._answer(202, {})

            def _answer(self, status: int, content: dict[str, Any]) -> None:
                body = orjson.dumps(content)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def _variant(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.value,
        "weight": 1000,
        "stickiness": "default",
        "payload": {"type": "string", "value": stage.value},
    }
