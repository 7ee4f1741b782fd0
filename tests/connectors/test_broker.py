"""The broker's ways, their order, and what a person reads when none is open."""

from __future__ import annotations

import asyncio
import socket
import sys
import uuid
from pathlib import Path

import pytest

from connectors.kafka import broker as launcher
from connectors.kafka import broker_files, broker_jars
from connectors.kafka.broker import BrokerWay, NamedBroker, broker_ways, start_broker, ways_to_take
from connectors.kafka.broker_docker import container_name, container_script
from connectors.kafka.broker_files import (
    PORTS,
    BrokerFiles,
    cause_in,
    choose_ports,
    port_free,
    render_settings,
)
from connectors.kafka.broker_jars import jars_obstacle, major_in, new_cluster_id
from models.errors import BrokerUnavailableError

NAMED = BrokerWay("named", True, "kafka.example:9092")
DOCKER = BrokerWay("docker", True, "the engine answers")
JARS = BrokerWay("jars", True, "Apache Kafka")


def closed(way: BrokerWay, detail: str) -> BrokerWay:
    return way._replace(available=False, detail=detail)


def quiet(_line: str) -> None:
    """Progress that nobody reads."""


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        ((NAMED, DOCKER, JARS), ("named",)),
        ((closed(NAMED, ""), DOCKER, JARS), ("docker", "jars")),
        ((closed(NAMED, ""), DOCKER, closed(JARS, "")), ("docker",)),
        ((closed(NAMED, ""), closed(DOCKER, ""), JARS), ("jars",)),
    ],
)
def test_a_named_broker_comes_first_then_docker_then_the_jars(
    ways: tuple[BrokerWay, ...], expected: tuple[str, ...]
) -> None:
    assert ways_to_take(ways) == expected


def test_with_no_way_open_one_sentence_names_all_three() -> None:
    ways = (
        closed(NAMED, "set DEPOTGATE_KAFKA"),
        closed(DOCKER, "start Docker"),
        closed(JARS, "install Maven"),
    )
    with pytest.raises(BrokerUnavailableError) as refused:
        ways_to_take(ways)
    said = str(refused.value)
    assert "\n" not in said
    assert all(way.detail in said for way in ways)


def test_the_ways_are_told_in_their_order() -> None:
    ways = broker_ways("kafka.example:9092")
    assert [way.name for way in ways] == ["named", "docker", "jars"]
    assert ways[0].available
    assert all(way.detail for way in ways)


async def test_a_named_broker_that_does_not_answer_is_not_replaced(tmp_path: Path) -> None:
    port = choose_ports(None, None)[0]
    with pytest.raises(BrokerUnavailableError, match=r"DEPOTGATE_KAFKA names; start it, or unset"):
        await start_broker(tmp_path, named=f"127.0.0.1:{port}", on_progress=quiet)
    assert not BrokerFiles(tmp_path / "kafka").formatted


async def test_a_listener_that_does_not_speak_kafka_is_no_broker(tmp_path: Path) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(BrokerUnavailableError, match="no Kafka answers"):
            await start_broker(tmp_path, named=f"127.0.0.1:{port}", on_progress=quiet)
    finally:
        server.close()


async def test_docker_without_the_image_is_said_and_the_jars_are_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_image(_on_progress: object) -> None:
        raise BrokerUnavailableError("Docker cannot have the image")

    stand_in = NamedBroker("from its jars")

    async def from_jars(*_arguments: object) -> NamedBroker:
        return stand_in

    monkeypatch.setattr(launcher, "broker_ways", lambda _named: (DOCKER, JARS))
    monkeypatch.setattr(launcher, "pull_image", no_image)
    monkeypatch.setattr(launcher, "start_from_jars", from_jars)
    said: list[str] = []
    assert await start_broker(tmp_path, named=None, on_progress=said.append) is stand_in
    assert said == ["Docker cannot have the image; going on with Kafka's jars"]


def test_java_missing_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    assert jars_obstacle() == "install Java 17 or newer (Java is missing)"


def test_java_too_old_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_jars, "java_path", lambda: "java")
    monkeypatch.setattr(broker_jars, "java_major", lambda _java: 11)
    assert jars_obstacle() == "install Java 17 or newer (Java 11 is too old)"


def test_maven_is_needed_only_until_the_jars_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_jars, "java_path", lambda: "java")
    monkeypatch.setattr(broker_jars, "java_major", lambda _java: 21)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "install Maven" in (jars_obstacle() or "")
    (broker_jars.cache_folder() / "libs").mkdir(parents=True)
    assert jars_obstacle() is None


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ("command not found", 0),
    ],
)
def test_the_java_version_is_read_from_what_java_says(text: str, major: int) -> None:
    assert major_in(text) == major


def test_a_cluster_id_is_never_taken_for_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    # 0xF8 begins with the six bits that base64 writes as a dash.
    drawn = iter([uuid.UUID(bytes=bytes([0xF8] * 16)), uuid.UUID(bytes=bytes(16))])
    monkeypatch.setattr(uuid, "uuid4", lambda: next(drawn))
    assert new_cluster_id() == "A" * 22


def test_settings_listen_on_loopback_only() -> None:
    lines = render_settings(Path("/srv/data"), 21000, 21001).splitlines()
    settings = dict(line.split("=", 1) for line in lines)
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:21000,CONTROLLER://127.0.0.1:21001"
    assert settings["advertised.listeners"] == "PLAINTEXT://127.0.0.1:21000"
    assert settings["log.dirs"] == "/srv/data"
    assert settings["auto.create.topics.enable"] == "false"


def test_a_chosen_port_is_below_the_ephemeral_ones_and_free() -> None:
    broker, controller = choose_ports(None, None)
    assert broker != controller
    assert {broker, controller} <= set(PORTS)
    assert PORTS.stop <= 32_768
    assert port_free(broker)


def test_the_ports_of_the_start_before_are_kept(tmp_path: Path) -> None:
    files = BrokerFiles(tmp_path)
    assert files.last_ports() is None
    ports = choose_ports(None, None)
    files.write_settings(*ports)
    assert choose_ports(None, files.last_ports()) == ports


def test_a_taken_port_is_refused_when_asked_for_and_else_replaced() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = listener.getsockname()[1]
        with pytest.raises(BrokerUnavailableError, match=f"port {taken} on 127.0.0.1 is taken"):
            choose_ports(taken, None)
        assert choose_ports(None, (taken, taken))[0] != taken


def test_one_launcher_at_a_time_holds_the_folder(tmp_path: Path) -> None:
    first, second = BrokerFiles(tmp_path), BrokerFiles(tmp_path)
    first.take()
    with pytest.raises(BrokerUnavailableError, match="another depotgate is running"):
        second.take()
    first.release()
    second.take()
    second.release()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BrokerUnavailableError, match=r"cannot write to .* \(Not a directory\)"):
        BrokerFiles(tmp_path / "file" / "kafka").take()


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_files, "DISK_NEEDED_BYTES", 1 << 62)
    with pytest.raises(BrokerUnavailableError, match=r"MB free and Kafka needs .* make room"):
        BrokerFiles(tmp_path).take()


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (["WARN slow", "java.io.IOException: No space left on device"], "the disk is full; "),
        (["java.net.BindException: Address already in use"], "its port is taken; "),
        (["org.apache.kafka.FooException: bad id", "WARN closing"], "FooException: bad id"),
        (["WARN one", "WARN two"], "WARN two"),
        ([], "its log is empty"),
    ],
)
def test_why_kafka_died_is_read_from_its_log(lines: list[str], cause: str) -> None:
    assert cause in cause_in(lines)


async def test_a_pid_that_is_another_process_by_now_is_left_alone(tmp_path: Path) -> None:
    sleeper = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=-1)
    files = BrokerFiles(tmp_path)
    files.write_pid(sleeper.pid)
    assert not await files.end_stale()
    assert sleeper.returncode is None
    sleeper.kill()
    await sleeper.wait()


def test_a_container_is_named_by_its_folder(tmp_path: Path) -> None:
    one, two = BrokerFiles(tmp_path / "one"), BrokerFiles(tmp_path / "two")
    assert container_name(one) == container_name(BrokerFiles(tmp_path / "one"))
    assert container_name(one) != container_name(two)


async def test_the_container_stops_kafka_when_its_lifeline_ends(tmp_path: Path) -> None:
    """The script itself, with a stand-in for Kafka's own scripts: no engine is needed for it."""
    (tmp_path / "kafka").mkdir()
    files = BrokerFiles(tmp_path / "kafka")
    started = tmp_path / "started"
    tool, server = tmp_path / "kafka-storage.sh", tmp_path / "kafka-server-start.sh"
    tool.write_text("#!/bin/sh\necho formatted\n")
    server.write_text(
        f"#!{sys.executable}\nimport pathlib, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(43))\n"
        f"pathlib.Path({str(started)!r}).write_text(sys.argv[1])\nsignal.pause()\n"
    )
    for script in (tool, server):
        script.chmod(0o755)
    inside = container_script(files).replace("/opt/kafka/bin", str(tmp_path))
    kafka = await asyncio.create_subprocess_exec("bash", "-c", inside, stdin=-1, stdout=-3)
    async with asyncio.timeout(60):
        while not (started.exists() and started.read_text()):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
        assert started.read_text() == str(files.settings)
        assert kafka.returncode is None
        assert kafka.stdin is not None
        kafka.stdin.close()
        assert await kafka.wait() == 43
