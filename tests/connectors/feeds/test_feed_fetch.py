"""Fetching from a real server on this machine, and from files: bounds, trust, conditions."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.feeds.feed_fetch import Document, Unchanged, fetch
from connectors.feeds.feeds_file import FeedSource
from models.errors import ConfigurationError, FeedUnavailableError
from models.site import Validators
from tests.connectors.feeds.feed_server import Delivering, delivering

LAST_MODIFIED = "Tue, 14 Jul 2026 12:00:00 GMT"


def source(url: str, **other: object) -> FeedSource:
    return FeedSource(name="own-fleet", url=url).model_copy(update=other)


def fetched(
    served: Callable[[Delivering], None], validators: Validators | None = None, **other: object
) -> tuple[Document | Unchanged, Delivering]:
    async def run() -> tuple[Document | Unchanged, Delivering]:
        async with delivering() as server:
            served(server)
            return await fetch(source(server.url, **other), validators), server

    return asyncio.run(run())


def test_a_document_comes_with_its_time_and_what_names_it() -> None:
    def serve(server: Delivering) -> None:
        server.content, server.etag = b'{"a": 1}', '"one"'
        server.headers["Last-Modified"] = LAST_MODIFIED

    got, _server = fetched(serve)
    assert got == Document(
        bytearray(b'{"a": 1}'), datetime(2026, 7, 14, 12, tzinfo=UTC), '"one"', LAST_MODIFIED
    )


def test_content_that_is_known_is_confirmed_as_of_the_answers_date() -> None:
    """Rule 22."""

    def serve(server: Delivering) -> None:
        server.etag = '"one"'
        server.headers["Date"] = LAST_MODIFIED

    known = Validators(reading="r", etag='"one"', last_modified=LAST_MODIFIED)
    got, server = fetched(serve, known)
    assert got == Unchanged(datetime(2026, 7, 14, 12, tzinfo=UTC))
    assert server.asked[0]["If-Modified-Since"] == LAST_MODIFIED


def test_a_token_is_sent_as_bearer(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("abc.def\n")
    _got, server = fetched(lambda _server: None, token_file=str(token))
    assert server.asked[0]["Authorization"] == "Bearer abc.def"


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("abc", 0o644, "others may read its token_file"),
        ("a b", 0o600, "expected one line of printable ASCII"),
        ("", 0o600, "expected one line of printable ASCII"),
        (None, 0o600, "cannot read its token_file"),
    ],
)
def test_a_token_that_cannot_be_used_is_never_sent(
    tmp_path: Path, content: str | None, mode: int, said: str
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content)
        token.chmod(mode)
    with pytest.raises(ConfigurationError, match=said):
        fetched(lambda _server: None, token_file=str(token))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (301, "redirects are not followed"),
        (302, "redirects are not followed"),
        (304, "answered 304"),
        (401, "its token is not accepted"),
        (404, "there is nothing at its url"),
        (503, "answered 503"),
    ],
)
def test_an_answer_that_is_no_document_is_said(status: int, said: str) -> None:
    def serve(server: Delivering) -> None:
        server.status = status
        server.headers["Location"] = "http://127.0.0.1:1/secret"

    with pytest.raises(FeedUnavailableError, match=f"^feed own-fleet at 127.0.0.1: .*{said}"):
        fetched(serve)


def test_compressed_content_is_taken_apart() -> None:
    def serve(server: Delivering) -> None:
        server.content = gzip.compress(b"x" * 100_000)
        server.headers["Content-Encoding"] = "gzip"

    got, server = fetched(serve)
    assert isinstance(got, Document)
    assert got.content == b"x" * 100_000
    assert server.asked[0]["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize("compressed", [False, True])
def test_more_than_its_limit_is_refused(compressed: bool) -> None:
    """100 MB of nothing are 100 kB of gzip: the limit is of what comes out of it."""

    def serve(server: Delivering) -> None:
        size = 100 << 20 if compressed else (1 << 20) + 1
        content = bytes(size)
        server.content = gzip.compress(content, 1) if compressed else content
        if compressed:
            server.headers["Content-Encoding"] = "gzip"

    with pytest.raises(FeedUnavailableError, match=r"expected at most 1 MB \(size_max_mb\)"):
        fetched(serve, size_max_mb=1)


@pytest.mark.parametrize(
    ("encoding", "content", "said"),
    [
        ("gzip", b"plain", "is no gzip"),
        ("gzip", gzip.compress(b"x" * 1000, mtime=0)[:-8], "is cut off"),
        ("br", b"", "got another encoding"),
    ],
)
def test_content_that_is_not_what_it_says_is_refused(
    encoding: str, content: bytes, said: str
) -> None:
    def serve(server: Delivering) -> None:
        server.content = content
        server.headers["Content-Encoding"] = encoding

    with pytest.raises(FeedUnavailableError, match=said):
        fetched(serve)


def test_a_server_that_is_away_or_slow_is_said() -> None:
    with pytest.raises(FeedUnavailableError, match="cannot be reached"):
        asyncio.run(fetch(source("http://127.0.0.1:1/?token=secret"), None))

    async def never(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def run() -> None:
        server = await asyncio.start_server(never, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            await fetch(source(f"http://127.0.0.1:{port}/", timeout_s=1), None)
        finally:
            server.close()

    with pytest.raises(FeedUnavailableError, match="no whole answer within 1 s"):
        asyncio.run(run())


def answered(
    raw: bytes, validators: Validators | None = None, **other: object
) -> Document | Unchanged:
    """What becomes of these bytes, after which the connection ends."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        writer.close()

    async def run() -> Document | Unchanged:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await fetch(source(f"http://127.0.0.1:{port}/", **other), validators)

    return asyncio.run(run())


def headed(*headers: bytes, content: bytes = b"{}") -> bytes:
    length = b"Content-Length: %d" % len(content)
    return b"\r\n".join((b"HTTP/1.1 200 OK", length, *headers, b"", content))


@pytest.mark.parametrize(
    "written",
    [
        b"Fri, 31 Dec 9999 23:59:59 -0100",
        b"Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        b"Mon, 01 Jan 2026 00:00:00 +9999",
        b"yesterday",
        b"\xff\xfe",
        b"",
    ],
)
def test_a_time_that_is_none_says_nothing(written: bytes) -> None:
    """Rule 22: then the age has to be told otherwise, or the document is refused."""
    got = answered(headed(b"Last-Modified: " + written))
    assert isinstance(got, Document)
    assert got.stated_at is None
    known = Validators(reading="r", etag='"one"')
    raw = b"HTTP/1.1 304 Not Modified\r\nDate: " + written + b"\r\n\r\n"
    assert answered(raw, known) == Unchanged(None)


@pytest.mark.parametrize("etag", [b'"\xff\xfe"', '"é"'.encode(), b'"a\tb"', b'"' + b"a" * 600])
def test_what_cannot_be_sent_back_is_not_kept(etag: bytes) -> None:
    """It goes into a receipt as text, and into the next request."""
    got = answered(headed(b"ETag: " + etag, b"Last-Modified: " + etag))
    assert isinstance(got, Document)
    assert (got.etag, got.last_modified) == (None, None)


def test_what_was_not_asked_about_cannot_be_unchanged() -> None:
    raw = b"HTTP/1.1 304 Not Modified\r\nDate: " + LAST_MODIFIED.encode() + b"\r\n\r\n"
    for known in (None, Validators(reading="r")):
        with pytest.raises(FeedUnavailableError, match="that it was not asked about"):
            answered(raw, known)


@pytest.mark.parametrize("format_", ["csv", "json"])
def test_gzip_of_several_members_is_taken_whole(format_: str) -> None:
    """RFC 1952, section 2.2: the first alone would be half of a load."""
    members = gzip.compress(b"a,b\n") + gzip.compress(b"c,d\n")
    got = answered(headed(b"Content-Encoding: gzip", content=members), format=format_)
    assert isinstance(got, Document)
    assert got.content == b"a,b\nc,d\n"
    for faulty, said in ((members + b"more", "is no gzip"), (members[:-1], "is cut off")):
        with pytest.raises(FeedUnavailableError, match=said):
            answered(headed(b"Content-Encoding: gzip", content=faulty), format=format_)


def test_a_csv_whose_end_nobody_knows_is_refused() -> None:
    """It would end wherever its connection breaks, between two rows too."""
    cut = b"HTTP/1.0 200 OK\r\n\r\na,b\nc,d\n"
    with pytest.raises(FeedUnavailableError, match="nobody can tell where its csv ends"):
        answered(cut, format="csv")
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na,b\n\r\n0\r\n\r\n"
    for whole in (chunked, headed(content=b"a,b\n")):
        got = answered(whole, format="csv")
        assert isinstance(got, Document)
        assert got.content == b"a,b\n"
    with pytest.raises(FeedUnavailableError, match="broke off"):
        answered(chunked[:-5], format="csv")


@pytest.mark.parametrize(
    ("written", "least_s", "most_s"),
    [
        (b"120", 120, 120),
        (b"Wed, 01 Jan 2200 00:00:00 GMT", 86_400, float("inf")),
        (b"Tue, 14 Jul 2020 12:00:00 GMT", 0, 0),
        (b"9" * 5_000, 86_400, float("inf")),
        (b"-5", 0, 0),
        (b"soon", 0, 0),
    ],
)
def test_a_source_says_when_it_wants_to_be_asked_again(
    written: bytes, least_s: float, most_s: float
) -> None:
    raw = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nRetry-After: " + written
    with pytest.raises(FeedUnavailableError, match="it is asked too often") as refused:
        answered(raw + b"\r\n\r\n")
    assert least_s <= refused.value.retry_after_s <= most_s


def test_a_host_that_nobody_knows_is_said() -> None:
    said = r"cannot be reached \((?!Unknown error).+\)"
    with pytest.raises(FeedUnavailableError, match=said):
        asyncio.run(fetch(source("http://no-such-host.invalid/"), None))


def _certificate(folder: Path) -> Path:
    """A certificate of this machine that nobody else vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


async def _over_tls(
    certificate: Path, ca_file: str | None, *, host: str = "localhost", old: bool = False
) -> Document | Unchanged:
    application = web.Application()
    application.router.add_get("/", Delivering(content=b"[]").answer)
    runner = web.AppRunner(application)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    if old:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        port = runner.addresses[0][1]
        return await fetch(source(f"https://{host}:{port}/", ca_file=ca_file), None)
    finally:
        await runner.cleanup()


def test_certificates_are_verified_against_the_systems_or_the_named_ones(tmp_path: Path) -> None:
    path = _certificate(tmp_path)
    with pytest.raises(FeedUnavailableError, match=r"its certificate is not trusted \(self-signed"):
        asyncio.run(_over_tls(path, None))
    got = asyncio.run(_over_tls(path, str(path)))
    assert isinstance(got, Document)
    assert got.content == b"[]"
    with pytest.raises(ConfigurationError, match="expected certificates in PEM in its ca_file"):
        asyncio.run(_over_tls(path, str(tmp_path / "none.pem")))


def test_why_a_server_is_not_believed_is_said(tmp_path: Path) -> None:
    path = _certificate(tmp_path)
    with pytest.raises(FeedUnavailableError, match=r"not trusted \(.*not valid for '127.0.0.1'\)"):
        asyncio.run(_over_tls(path, str(path), host="127.0.0.1"))
    with pytest.raises(FeedUnavailableError, match=r"cannot be reached \([A-Za-z ]+\)"):
        asyncio.run(_over_tls(path, str(path), old=True))

    async def without_tls() -> None:
        async with delivering() as server:
            await fetch(source(server.url.replace("http:", "https:")), None)

    with pytest.raises(FeedUnavailableError, match="speaks no TLS that is spoken here"):
        asyncio.run(without_tls())


def test_a_file_is_as_old_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "partners.csv"
    path.write_bytes(b"a,b\n")
    feed = FeedSource(name="agreements", file=str(path), format="csv")
    got = asyncio.run(fetch(feed, None))
    assert isinstance(got, Document)
    assert got.stated_at == datetime.fromtimestamp(path.stat().st_mtime, UTC)
    for wrong, said in ((tmp_path / "none.csv", "cannot read"), (tmp_path, "expected a file")):
        with pytest.raises(FeedUnavailableError, match=said):
            asyncio.run(fetch(feed.model_copy(update={"file": str(wrong)}), None))
