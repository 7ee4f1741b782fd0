"""One document from one source, over HTTP(S) or from a file, within bounds (rule 22)."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp

from connectors.feeds.feeds_file import FeedSource
from connectors.feeds.text_file import NotAFileError, open_regular
from connectors.private_files import open_to_others
from models.errors import ConfigurationError, FeedUnavailableError, cause_of
from models.site import Validators

CONNECT_S = 10.0
"""To reach a server; one that takes longer is away."""

CHUNK_BYTES = 64 * 1024

INFLATED_AT_ONCE_BYTES = 4 * 1024 * 1024
"""A few kilobytes of gzip can stand for gigabytes: they are looked at in steps of this."""

TOKEN_BYTES_MAX = 8_192
"""More than servers take in a header."""

VALIDATOR_CHARS_MAX = 512
"""An ETag is opaque, and goes into each receipt."""

_ACCEPT = {"json": "application/json", "csv": "text/csv, text/plain;q=0.5"}


class Document(NamedTuple):
    """What was delivered.

    Attributes:
        content: emptied by whoever reads it.
        stated_at: HTTP Last-Modified, or when the file was written; None = not said.
    """

    content: bytearray
    stated_at: datetime | None
    etag: str | None
    last_modified: str | None


class Unchanged(NamedTuple):
    """A 304: the content that is here already, confirmed as of this time; None = not said."""

    confirmed_at: datetime | None


async def fetch(feed: FeedSource, validators: Validators | None) -> Document | Unchanged:
    """Ask a source for its document.

    Args:
        validators: of the content that is loaded; None = have it all.

    Raises:
        ConfigurationError: the token or the certificates cannot be used.
        FeedUnavailableError: nothing came, or something else than asked for; says which source.
    """
    if feed.file is not None:
        return await asyncio.to_thread(_read_file, feed, Path(feed.file))
    assert feed.url is not None, "a source has a file or a url"
    try:
        async with _answer(feed, feed.url, validators) as answer:
            if answer.status == 304 and _asked_whether_changed(validators):
                return Unchanged(_time(answer.headers.get("Date")))
            _hold_to_success(feed, answer)
            return Document(
                await _body(feed, answer),
                _time(answer.headers.get("Last-Modified")),
                _validator(answer.headers.get("ETag")),
                _validator(answer.headers.get("Last-Modified")),
            )
    except (aiohttp.ClientError, OSError, TimeoutError) as fault:
        raise _unavailable(feed, _cause(feed, fault)) from None


def _read_file(feed: FeedSource, path: Path) -> Document:
    try:
        file, found = open_regular(path)
    except OSError as fault:
        raise _unavailable(feed, f"cannot read {path}: {fault.strerror}") from None
    except NotAFileError:
        raise _unavailable(feed, f"expected a file at {path}, got something else") from None
    with file:
        content = bytearray(file.read(feed.size_max_bytes + 1))
    if len(content) > feed.size_max_bytes:
        raise _too_large(feed)
    return Document(content, datetime.fromtimestamp(found.st_mtime, UTC), None, None)


@asynccontextmanager
async def _answer(
    feed: FeedSource, url: str, validators: Validators | None
) -> AsyncIterator[aiohttp.ClientResponse]:
    timeout = aiohttp.ClientTimeout(total=feed.timeout_s, connect=min(CONNECT_S, feed.timeout_s))
    # What is compressed is taken apart here, in bounded steps. No proxy and no password from the
    # environment: what is asked is what feeds.yaml says.
    async with (
        aiohttp.ClientSession(
            timeout=timeout,
            auto_decompress=False,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session,
        session.get(
            url,
            headers=_headers(feed, validators),
            # A redirect would take the token, and the trust in what comes, to somebody else.
            allow_redirects=False,
            ssl=_trust(feed),
        ) as answer,
    ):
        yield answer


def _headers(feed: FeedSource, validators: Validators | None) -> dict[str, str]:
    headers = {
        "Accept": _ACCEPT[feed.format],
        "Accept-Encoding": "gzip",
        "User-Agent": "depotgate",
    }
    if feed.token_file is not None:
        headers["Authorization"] = f"Bearer {_token(feed, Path(feed.token_file))}"
    if validators is not None and validators.etag is not None:
        headers["If-None-Match"] = validators.etag
    if validators is not None and validators.last_modified is not None:
        headers["If-Modified-Since"] = validators.last_modified
    return headers


def _asked_whether_changed(validators: Validators | None) -> bool:
    return validators is not None and bool(validators.etag or validators.last_modified)


def _token(feed: FeedSource, path: Path) -> str:
    """Read at each fetch, so that a new one is taken up."""
    try:
        file, found = open_regular(path)
    except (OSError, NotAFileError):
        raise ConfigurationError(f"feed {feed.key}: cannot read its token_file {path}") from None
    with file:
        content = file.read(TOKEN_BYTES_MAX + 1)
    if (shown := open_to_others(found.st_mode)) is not None:
        raise ConfigurationError(
            f"feed {feed.key}: others may read its token_file {path} (mode {shown}); "
            f"expected 0600: chmod 600 {path}"
        )
    token = content.decode("ascii", errors="replace").strip()
    if not token or len(content) > TOKEN_BYTES_MAX or not token.isprintable() or " " in token:
        raise ConfigurationError(
            f"feed {feed.key}: expected one line of printable ASCII in its token_file {path}"
        )
    return token


def _trust(feed: FeedSource) -> ssl.SSLContext | bool:
    """Certificates are verified always; `ca_file` names others than the system's."""
    if feed.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=feed.ca_file)
    except (OSError, ssl.SSLError):
        raise ConfigurationError(
            f"feed {feed.key}: expected certificates in PEM in its ca_file {feed.ca_file}"
        ) from None


def _hold_to_success(feed: FeedSource, answer: aiohttp.ClientResponse) -> None:
    if answer.status == 200:
        return
    advice = {
        401: "its token is not accepted",
        403: "its token does not permit this",
        304: "nothing has changed since a time that it was not asked about",
        404: "there is nothing at its url",
        429: "it is asked too often; see every_s",
    }.get(answer.status)
    if 300 <= answer.status < 400 and answer.status != 304:
        advice = "redirects are not followed; write the url that it leads to"
    said = f"answered {answer.status}" + (f": {advice}" if advice else "")
    raise _unavailable(feed, said, _retry_after_s(answer.headers.get("Retry-After")))


def _retry_after_s(written: str | None) -> float:
    """RFC 9110, section 10.2.3: seconds, or a date; 0 where it is neither."""
    text = (written or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    at = _time(written)
    return max(0.0, (at - datetime.now(UTC)).total_seconds()) if at else 0.0


async def _body(feed: FeedSource, answer: aiohttp.ClientResponse) -> bytearray:
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise _unavailable(feed, "expected its content plain or as gzip, got another encoding")
    gzip = _Gzip(feed) if encoding == "gzip" else None
    if feed.format == "csv" and gzip is None and not _length_told(answer):
        # It ends with the connection, wherever that breaks; JSON says itself where it ends.
        raise _unavailable(
            feed, "nobody can tell where its csv ends: expected Content-Length, chunks or gzip"
        )
    content = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
        if gzip is None:
            content += chunk
        else:
            gzip.inflate(chunk, content)
        if len(content) > feed.size_max_bytes:
            raise _too_large(feed)
    if gzip is not None and not gzip.whole:
        raise _unavailable(feed, "its gzip content is cut off")
    return content


def _length_told(answer: aiohttp.ClientResponse) -> bool:
    """RFC 9112, section 6.3: else a body ends where the connection does."""
    chunked = "chunked" in answer.headers.get("Transfer-Encoding", "").lower()
    return chunked or answer.content_length is not None


class _Gzip:
    """Content of gzip as it comes: members one after another (RFC 1952, section 2.2), no less."""

    def __init__(self, feed: FeedSource) -> None:
        self._feed = feed
        self._member = _new_member()

    @property
    def whole(self) -> bool:
        """Whether it ended with the end of a member."""
        return self._member.eof

    def inflate(self, chunk: bytes, content: bytearray) -> None:
        """Append what the next chunk stands for, in bounded steps."""
        try:
            while chunk and len(content) <= self._feed.size_max_bytes:
                if self._member.eof:
                    self._member = _new_member()
                content += self._member.decompress(chunk, INFLATED_AT_ONCE_BYTES)
                chunk = self._member.unconsumed_tail or self._member.unused_data
        except zlib.error:
            raise _unavailable(self._feed, "its content is no gzip, though it says so") from None


def _new_member() -> zlib._Decompress:
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)


def _time(written: str | None) -> datetime | None:
    """An HTTP date; None when there is none that can be read."""
    try:
        at = parsedate_to_datetime(written or "")
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _validator(written: str | None) -> str | None:
    """None where it could not be sent back: then the next fetch has all of the content."""
    if not written or len(written) > VALIDATOR_CHARS_MAX:
        return None
    return written if written.isascii() and written.isprintable() else None


def _cause(feed: FeedSource, fault: BaseException) -> str:
    """Never the url: its query may hold a secret."""
    match fault:
        case aiohttp.ClientConnectorCertificateError():
            why = getattr(fault.certificate_error, "verify_message", "").rstrip(".")
            return (
                f"its certificate is not trusted ({why}); ca_file names the certificates that are"
            )
        case aiohttp.ClientConnectorSSLError():
            return f"speaks no TLS that is spoken here ({getattr(fault.os_error, 'reason', '')})"
        case aiohttp.ServerTimeoutError() | TimeoutError():
            return f"no whole answer within {feed.timeout_s} s"
        case aiohttp.ClientConnectorError():
            why = cause_of(fault.os_error) or type(fault.os_error).__name__
            return f"cannot be reached ({why})"
        case _:
            return f"broke off ({type(fault).__name__})"


def _too_large(feed: FeedSource) -> FeedUnavailableError:
    return _unavailable(feed, f"expected at most {feed.size_max_mb} MB (size_max_mb), got more")


def _unavailable(feed: FeedSource, cause: str, retry_after_s: float = 0.0) -> FeedUnavailableError:
    at = f" at {urlsplit(feed.url).hostname}" if feed.url else ""
    return FeedUnavailableError(f"feed {feed.key}{at}: {cause}", retry_after_s)
