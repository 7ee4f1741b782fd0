"""docker-compose.yml without an engine: what it names is there, and depotgate understands it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dashboards.__main__ import ACCESS_JSON
from depotgate.settings import PREFIX, Settings, read_settings
from tests.depotgate.asking import command_line
from tests.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = read_yaml(ROOT / "docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if each.get("image") == "depotgate:local"}
WITH_IDENTITIES: dict[str, Any] = read_yaml(ROOT / "docker-compose.identities.yml")
PAGE = (ROOT / "docs" / "operating.md").read_text()

_SERVICE_KEYS = {
    "build", "command", "depends_on", "environment", "healthcheck", "image", "ports",
    "profiles", "restart", "secrets", "volumes",
}  # fmt: skip
"""Of the Compose specification, those that are used here. A misspelt key is in none of them."""

_HEALTHCHECK_KEYS = {"test", "interval", "timeout", "retries", "start_period"}
_CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
_RESTARTS = {"no", "on-failure", "unless-stopped"}

_DEFAULTED = re.compile(r"\$\{(\w+):-([^}]*)\}")

services = pytest.mark.parametrize("name", SERVICES)


def _default(text: str) -> str:
    """`${VARIABLE:-default}` as its default."""
    return _DEFAULTED.sub(lambda found: found[2], text)


def _dependencies(service: dict[str, Any]) -> dict[str, Any]:
    wanted = service.get("depends_on", {})
    if isinstance(wanted, list):
        return {name: {"condition": "service_started"} for name in wanted}
    return dict(wanted)


def _mounts(service: dict[str, Any]) -> list[tuple[str, str]]:
    """Source and target of each mount."""
    parts = [_default(mount).split(":") for mount in service.get("volumes", [])]
    return [(source, target) for source, target, *_ in parts]


def _bound_paths() -> set[str]:
    """Every path of the host that is mounted."""
    bound = {
        source
        for service in (*SERVICES.values(), *WITH_IDENTITIES["services"].values())
        for source, _ in _mounts(service)
        if source.startswith((".", "/"))
    }
    return bound | {_default(secret["file"]) for secret in COMPOSE["secrets"].values()}


def test_it_has_the_parts_of_a_compose_file() -> None:
    extensions = {key for key in COMPOSE if key.startswith("x-")}
    assert set(COMPOSE) - extensions == {"name", "services", "secrets", "volumes"}
    assert {"kafka", "gateway", "worker", "prometheus", "grafana"} <= set(SERVICES)


@services
def test_a_service_has_the_form_that_compose_wants(name: str) -> None:
    service = SERVICES[name]
    assert set(service) <= _SERVICE_KEYS
    assert service["image"]
    assert "@" in service["image"] or ":" in service["image"], "a version, never the latest"
    assert service["restart"] in _RESTARTS, "YAML takes a bare no for false"
    # Compose takes text: a number would be another one in octal, a word another in YAML 1.1.
    assert all(isinstance(value, str) for value in service.get("environment", {}).values())
    assert set(service.get("healthcheck", {})) <= _HEALTHCHECK_KEYS


@services
def test_what_a_service_waits_for_can_come(name: str) -> None:
    for other, terms in _dependencies(SERVICES[name]).items():
        assert terms["condition"] in _CONDITIONS
        if terms["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        if terms["condition"] == "service_completed_successfully":
            # One that is started again when it ends never completes.
            assert SERVICES[other]["restart"] == "no"


@services
def test_volumes_and_secrets_are_declared(name: str) -> None:
    named = {source for source, _ in _mounts(SERVICES[name]) if source.isalnum()}
    assert named <= set(COMPOSE["volumes"])
    assert set(SERVICES[name].get("secrets", [])) <= set(COMPOSE["secrets"])


def test_every_mounted_path_exists_or_is_for_the_operator_to_make() -> None:
    missing = {path for path in _bound_paths() if not (ROOT / path).exists()}
    in_page = {path for path in missing if f"`{path}`" in PAGE}
    assert missing == in_page, "say in docs/operating.md what has to be made"


def test_every_variable_of_the_shell_is_told() -> None:
    texts = [path.read_text() for path in ROOT.glob("docker-compose*.yml")]
    assert len(texts) == 2
    named = {variable for text in texts for variable, _ in _DEFAULTED.findall(text)}
    assert {variable for variable in named if f"`{variable}`" not in PAGE} == set()


@services
def test_ports_are_published_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


@pytest.mark.parametrize("name", OURS)
def test_a_command_is_one_that_depotgate_has(name: str) -> None:
    """Parsed by the command line itself: names, arguments and options."""
    _parse(OURS[name]["command"])


@pytest.mark.parametrize(
    "command", [["loud", "/depot"], ["topics", "apply", "--dry"], ["load"], ["worker", "extra"]]
)
def test_a_command_that_depotgate_does_not_have_is_noticed(command: list[str]) -> None:
    with pytest.raises(Exception, match=r"No such|Missing|unexpected"):
        _parse(command)


def _parse(arguments: list[str]) -> None:
    """Parse a command line as depotgate does, without running it.

    Raises:
        Exception: the usage error of the click that typer brings along.
    """
    command = command_line()
    context: Any = None
    while hasattr(command, "resolve_command"):
        context = command.make_context("depotgate", [*arguments], parent=context)
        _, command, arguments = command.resolve_command(context, arguments)
    command.make_context(command.name, arguments, parent=context)


@pytest.mark.parametrize("name", OURS)
def test_its_settings_are_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And their values are ones that these settings take."""
    given = OURS[name]["environment"]
    known = {f"{PREFIX}{setting.upper()}" for setting in Settings.model_fields}
    assert set(given) <= known
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    settings = read_settings()
    assert settings.kafka == "kafka:9092"
    assert settings.metrics.host == "0.0.0.0"  # noqa: S104 - within the containers' own network


@pytest.mark.parametrize("name", OURS)
def test_only_who_makes_pseudonyms_has_the_keys(name: str) -> None:
    """Rule 26: a worker decides from pseudonyms and could undo them with the keys."""
    has_keys = OURS[name]["command"][0] in {"gateway", "load", "keys"}
    assert ("/keys" in [target for _, target in _mounts(OURS[name])]) is has_keys
    file = OURS[name]["environment"].get("DEPOTGATE_PSEUDONYM_KEYS_FILE")
    assert file == ("/keys/keys.json" if has_keys else None)


def test_raw_identifiers_reach_the_gateway_alone_and_only_where_the_second_file_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rule 26: they are in the source files and in a gateway's memory."""
    assert "identities" not in json.dumps(COMPOSE)
    assert set(WITH_IDENTITIES) == {"services"}
    ((name, added),) = WITH_IDENTITIES["services"].items()
    assert OURS[name]["command"] == ["gateway"]
    assert set(added) == {"environment", "volumes"}
    ((source, target),) = _mounts(added)
    assert added["volumes"][0].endswith(":ro")
    assert not Path(source).suffix, "a folder: a file that is replaced is another one"
    assert target not in [each for _, each in _mounts(OURS[name])]
    ((variable, file),) = added["environment"].items()
    monkeypatch.setenv(variable, file)
    assert read_settings().identities == Path(file)
    assert Path(file).parent == Path(target)


def test_a_rotation_of_keys_is_seen_without_a_restart() -> None:
    """A folder is mounted: of a file that is mounted itself a container sees what it was."""
    mounts = {
        name: mount
        for name, each in OURS.items()
        for mount in each.get("volumes", [])
        if _default(mount).split(":")[1].startswith("/keys")
    }
    sources = {_default(mount).split(":")[0] for mount in mounts.values()}
    assert sources == {"./secrets/keys"}
    assert not any(Path(source).suffix for source in sources)
    writable = {name for name, mount in mounts.items() if not mount.endswith(":ro")}
    assert writable == {"keys"}


def test_what_only_some_want_is_started_by_its_profile_alone() -> None:
    profiles = {name: each["profiles"] for name, each in SERVICES.items() if "profiles" in each}
    assert profiles == {"flags": ["flags"], "keys": ["keys"]}
    needed = {other for each in SERVICES.values() for other in _dependencies(each)}
    assert needed.isdisjoint(profiles), "else nothing starts without them"
    environment = OURS["flags"]["environment"]
    folder = environment["DEPOTGATE_FLAGS"].rpartition("/")[0]
    assert ("./flags", folder) in _mounts(OURS["flags"])


def test_kafka_is_where_it_says() -> None:
    environment = SERVICES["kafka"]["environment"]
    assert environment["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://kafka:9092"
    assert "PLAINTEXT://:9092" in environment["KAFKA_LISTENERS"]
    assert environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    targets = [target for _, target in _mounts(SERVICES["kafka"])]
    assert targets == [environment["KAFKA_LOG_DIRS"]], "its data outlives the container"


def test_prometheus_asks_each_process_where_it_answers() -> None:
    source = next(
        source
        for source, target in _mounts(SERVICES["prometheus"])
        if target == "/etc/prometheus/prometheus.yml"
    )
    config = read_yaml(ROOT / source)
    targets = {
        target
        for job in config["scrape_configs"]
        for each in job["static_configs"]
        for target in each["targets"]
    }
    served = {
        f"{name}:{service['environment']['DEPOTGATE_METRICS'].rpartition(':')[2]}"
        for name, service in OURS.items()
        if service["command"][0] in {"gateway", "worker", "flags"}
    }
    assert targets == served


def test_a_health_check_asks_for_the_metrics_of_its_own_process() -> None:
    for name in ("gateway", "worker", "flags"):
        port = SERVICES[name]["environment"]["DEPOTGATE_METRICS"].rpartition(":")[2]
        assert f"http://127.0.0.1:{port}/metrics" in SERVICES[name]["healthcheck"]["test"][-1]


def test_grafana_is_provisioned_with_the_dashboard_and_its_data_source() -> None:
    mounts = {target: source for source, target in _mounts(SERVICES["grafana"])}
    provisioning = ROOT / mounts["/etc/grafana/provisioning"]
    (provider,) = read_yaml(provisioning / "dashboards/depotgate.yaml")["providers"]
    folder = provider["options"]["path"]
    assert (ROOT / mounts[folder]).resolve() == ACCESS_JSON.parent
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{folder}/{ACCESS_JSON.name}"
    (source,) = read_yaml(provisioning / "datasources/prometheus.yaml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert SERVICES["prometheus"]["ports"] == ["127.0.0.1:9090:9090"]


def test_the_dashboard_asks_the_provisioned_kind_of_data_source() -> None:
    """Its variable `datasource` is filled with the one there is of that kind, the default one."""
    dashboard = json.loads(ACCESS_JSON.read_text())
    variables = {each["name"]: each for each in dashboard["templating"]["list"]}
    provisioned = read_yaml(ROOT / "dashboards/provisioning/datasources/prometheus.yaml")
    source = provisioned["datasources"][0]
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == source["type"] == "prometheus"
    assert source["isDefault"] is True


def test_no_password_is_in_the_file() -> None:
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            if "PASSWORD" in variable:
                assert variable.endswith("__FILE")
                assert value.startswith("/run/secrets/")
