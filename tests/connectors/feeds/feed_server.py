"""A small HTTP server that delivers a document as it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Delivering:
    """What the server answers, and what it was asked.

    Attributes:
        etag: an equal If-None-Match is answered 304.
        after_s: before it answers.
    """

    content: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    etag: str | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    after_s: float = 0.0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.headers))
        await asyncio.sleep(self.after_s)
        headers = self.headers | ({"ETag": self.etag} if self.etag else {})
        if self.etag is not None and request.headers.get("If-None-Match") == self.etag:
            return web.Response(status=304, headers=headers)
        return web.Response(status=self.status, body=self.content, headers=headers)


@asynccontextmanager
async def delivering() -> AsyncIterator[Delivering]:
    """Serve on this machine, on any free port."""
    served = Delivering()
    application = web.Application()
    application.router.add_get("/{path:.*}", served.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        _host, port = runner.addresses[0][:2]
        served.url = f"http://127.0.0.1:{port}/identities.json"
        yield served
    finally:
        await runner.cleanup()
