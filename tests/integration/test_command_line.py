"""The command line as a person uses it: a mistake is one sentence and an exit code."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from connectors.kafka.broker import Broker
from connectors.kafka.topics import apply_topics
from connectors.keys import write_new_keys
from tests.connectors.feeds.folders import SITE, write
from tests.integration.installations import environment, processes_on
from tests.said import Said

pytestmark = pytest.mark.integration

WITHIN_S = 60.0
NOWHERE = "127.0.0.1:1"


def depotgate(folder: Path, *arguments: str, **variables: str) -> Said:
    """Run `depotgate` in a folder of its own, with these settings and no others."""
    settings = {f"DEPOTGATE_{name.upper()}": value for name, value in variables.items()}
    done = subprocess.run(
        [sys.executable, "-m", "depotgate", *arguments],
        cwd=folder,
        env={**environment(), "PYTHONPATH": str(Path(__file__).parents[2]), **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def keys(tmp_path: Path) -> str:
    path = tmp_path / "keys.json"
    write_new_keys(path, "k1")
    return str(path)


@pytest.fixture
def depot(tmp_path: Path) -> str:
    folder = tmp_path / "depot"
    folder.mkdir()
    return str(write(folder, site=SITE.replace("site: depot", f"site: cli-{tmp_path.name}")))


def test_a_missing_key_file_refuses_to_start(tmp_path: Path, depot: str) -> None:
    """Rule 26."""
    for command in (["up", depot], ["gateway"], ["load", depot]):
        said = depotgate(tmp_path, *command, kafka=NOWHERE)
        assert said.code == 1
        assert said.err.count("\n") == 1, said.err
        assert "depotgate keys new FILE" in said.err


@pytest.mark.parametrize("role", ["gateway", "worker"])
def test_a_process_without_kafka_says_what_to_do(tmp_path: Path, keys: str, role: str) -> None:
    said = depotgate(tmp_path, role, pseudonym_keys_file=keys, metrics="127.0.0.1:0")
    assert said.code == 1
    assert "DEPOTGATE_KAFKA" in said.err
    said = depotgate(tmp_path, role, pseudonym_keys_file=keys, metrics="127.0.0.1:0", kafka=NOWHERE)
    assert said.code == 1
    assert f"no Kafka answers at {NOWHERE}" in said.err


def test_a_taken_port_is_named_with_its_option(tmp_path: Path, keys: str, depot: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = depotgate(
            tmp_path,
            *("up", depot, f"--ocpp={address}", "--metrics=127.0.0.1:0"),
            kafka=NOWHERE,
            pseudonym_keys_file=keys,
        )
    assert said.code == 1
    assert f"cannot listen on {address} (Address already in use)" in said.err
    assert "--ocpp" in said.err
    assert not processes_on(tmp_path), "nothing stays behind"


@pytest.mark.parametrize("command", [("load", "--check"), ("load",), ("up",)])
def test_a_folder_with_mistakes_is_refused_by_line(
    tmp_path: Path, keys: str, command: tuple[str, ...]
) -> None:
    """Before Kafka is looked for: starting one takes longer than reading a folder."""
    folder = tmp_path / "spoilt"
    folder.mkdir()
    write(folder, site=SITE.replace("enforce", "enforced"))
    said = depotgate(tmp_path, *command, str(folder), pseudonym_keys_file=keys, kafka=NOWHERE)
    assert said.code == 1
    assert said.err.startswith("site.yaml:3: stage: expected 'off', 'shadow' or 'enforce'")
    assert "nothing was changed" in said.err


@pytest.mark.asyncio(loop_scope="session")
async def test_load_says_what_it_did(tmp_path: Path, keys: str, depot: str, broker: Broker) -> None:
    await apply_topics(broker.bootstrap)
    chargers = Path(depot) / "chargers.csv"
    chargers.write_text(chargers.read_text().replace("\nCP-", f"\n{tmp_path.name}-"))
    settings = {"kafka": broker.bootstrap, "pseudonym_keys_file": keys}
    checked = depotgate(tmp_path, "load", "--check", depot, **settings)
    assert "no problems in 3 chargers and 2 identities; nothing was loaded" in checked.out
    first = depotgate(tmp_path, "load", depot, **settings)
    assert "3 chargers (3 new, 0 changed, 0 gone), 2 identities (2 new" in first.out
    second = depotgate(tmp_path, "load", depot, **settings)
    assert "nothing has changed since revision" in second.out
    as_json = orjson.loads(depotgate(tmp_path, "load", depot, "--json", **settings).out)
    assert as_json["chargers_count"] == 3
    assert as_json["site_changed"] is False


@pytest.mark.asyncio(loop_scope="session")
async def test_topics_apply_says_what_changes(tmp_path: Path, broker: Broker) -> None:
    await apply_topics(broker.bootstrap)
    said = depotgate(tmp_path, "topics", "apply", "--dry-run", kafka=broker.bootstrap)
    assert said.out == "every topic is as it should be\n"


def test_tail_names_what_it_knows(tmp_path: Path, broker: Broker) -> None:
    said = depotgate(tmp_path, "tail", "outcome", kafka=broker.bootstrap)
    assert said.code == 1
    assert "expected one of decisions, outcomes, denials, events, commands, mode" in said.err


def test_tail_ends_when_nobody_reads_it_any_more(tmp_path: Path, broker: Broker) -> None:
    """As `depotgate tail audit | head -2` does, also while nothing happens."""
    asyncio.run(apply_topics(broker.bootstrap))
    with subprocess.Popen(
        [sys.executable, "-m", "depotgate", "tail", "commands"],
        cwd=tmp_path,
        env={
            **environment(),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "DEPOTGATE_KAFKA": broker.bootstrap,
        },
        stdout=subprocess.PIPE,
    ) as tail:
        assert tail.stdout is not None
        tail.stdout.close()
        assert tail.wait(WITHIN_S) == 0


def test_a_tool_where_nothing_runs_says_so(tmp_path: Path) -> None:
    said = depotgate(tmp_path, "tail", "outcomes")
    assert said.code == 1
    assert "nothing runs on" in said.err


def test_doctor_tells_good_from_bad_and_what_to_do(
    tmp_path: Path, keys: str, broker: Broker
) -> None:
    good = depotgate(tmp_path, "doctor", "--json", kafka=broker.bootstrap, pseudonym_keys_file=keys)
    findings = {row["about"]: row for row in orjson.loads(good.out)}
    assert findings["Kafka"]["health"] == "ok"
    assert findings["pseudonym keys"]["health"] == "ok"
    bad = depotgate(tmp_path, "doctor", "--json", kafka=NOWHERE, kakfa="x")
    assert bad.code == 1
    findings = {row["about"]: row for row in orjson.loads(bad.out)}
    assert findings["Kafka"]["health"] == "bad"
    assert "DEPOTGATE_KAFKA" in findings["Kafka"]["advice"]
    assert findings["environment"]["seen"] == "DEPOTGATE_KAKFA is no setting"


def test_a_bad_setting_is_named(tmp_path: Path) -> None:
    said = depotgate(tmp_path, "gateway", slot="99")
    assert said.code == 1
    assert "DEPOTGATE_SLOT" in said.err
