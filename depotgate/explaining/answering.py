"""`depotgate explain`: from what a person asks to an explanation."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from connectors.kafka.replica import read_replica
from connectors.keys import read_keys
from connectors.telemetry.metrics import Metrics
from depotgate.draft import read_draft
from depotgate.explaining.finding import find_attempt, find_vehicle, time_in_id, zone_of_site
from depotgate.explaining.imagining import (
    Configured,
    Question,
    checked_type,
    governed,
    imagine,
    token_of_card,
)
from depotgate.explaining.screen import show
from depotgate.installation import pseudonymiser_of
from depotgate.progress import progress_bar
from depotgate.reaching import reachable_kafka
from depotgate.settings import Settings
from depotgate.written_times import written_time
from models.attempt import Token
from models.errors import NotFoundError
from models.explaining import explain
from models.explaining_vehicles import explain_vehicle
from models.explanation import Explanation
from models.identifiers import Pseudonymiser
from models.ids import Pseudonym
from models.site import ChargerRecord, SiteRecord
from models.site_clock import UTC_NAME
from models.topics import CHARGERS, PRIMARY_TOPICS, SITES, Kind
from models.zones import zone

CONFIGURATION = tuple(topic for topic in PRIMARY_TOPICS if topic.kind is Kind.CONFIGURATION)
PLACES = (SITES, CHARGERS)
"""Where a charger stands, and how identifiers are read there."""


class Asked(NamedTuple):
    """An attempt to imagine.

    Attributes:
        card: as it is presented; in memory only, until it is pseudonymised (rule 26).
        stated_type: idToken type; None for a card whose type is not stated.
        at: as written; None = now.
    """

    charger: str
    card: str
    stated_type: str | None
    at: str | None


async def explain_recorded(settings: Settings, decision_id: str) -> Explanation:
    """Explain an attempt that the topics have.

    Raises:
        DepotgateError: it is no id, there is no such attempt, or no Kafka answers.
    """
    time_in_id(decision_id)
    bootstrap = reachable_kafka(settings)
    with progress_bar("records") as step:
        try:
            found = await find_attempt(bootstrap, decision_id, step)
        except NotFoundError:
            denial = await find_vehicle(bootstrap, decision_id)
            if denial is None:
                raise
            zone_name = await zone_of_site(bootstrap, denial.site_id)
            return explain_vehicle(denial, zone_name or UTC_NAME)
    timezone = None
    if found.decision is None and found.outcome is not None:
        timezone = await zone_of_site(bootstrap, found.outcome.attempt.site_id)
    return explain(found.decision, found.outcome, timezone=timezone or "UTC")


async def explain_configured(settings: Settings, asked: Asked) -> Explanation:
    """Explain what would be answered by the configuration on the topics.

    Raises:
        DepotgateError: the question does not fit the configuration, or no Kafka answers.
    """
    bootstrap, pseudonymiser = reachable_kafka(settings), pseudonymiser_of(settings)
    # Which readings a card has is for its charger's site to say (rule 17): that is read first.
    places = await read_replica(bootstrap, PLACES, Metrics("worker"))
    token = _token(asked, pseudonymiser, *governed(places, asked.charger))
    wanted = frozenset[Pseudonym](
        pseudonym for candidate in token.candidates for pseudonym in candidate.pseudonyms
    )
    replica = await read_replica(bootstrap, CONFIGURATION, Metrics("worker"), only=wanted)
    return _imagined(replica, asked, pseudonymiser)


def explain_draft(settings: Settings, asked: Asked, folder: Path) -> Explanation:
    """Explain what would be answered if a depot folder were loaded.

    Raises:
        DepotgateError: the folder is refused, or the question does not fit it.
    """
    with progress_bar("identities") as step:
        epochs = read_keys(settings.pseudonym_keys_file)
        draft = read_draft(folder, epochs, settings.tenant, step)
    return _imagined(draft, asked, Pseudonymiser(epochs, settings.tenant))


def _imagined(view: Configured, asked: Asked, pseudonymiser: Pseudonymiser) -> Explanation:
    now = datetime.now(UTC)
    charger, site = governed(view, asked.charger)
    at = written_time(asked.at, zone(site.timezone), now, "--at") if asked.at else now
    token = _token(asked, pseudonymiser, charger, site)
    return imagine(Question(charger, site, token, at), view, now)


def _token(
    asked: Asked, pseudonymiser: Pseudonymiser, charger: ChargerRecord, site: SiteRecord
) -> Token:
    stated = checked_type(asked.stated_type, site)
    return token_of_card(asked.card, stated, pseudonymiser, charger, site)


def print_explanation(explanation: Explanation, *, as_json: bool) -> None:
    """For a person, or for a program: the same content."""
    if as_json:
        sys.stdout.write(explanation.model_dump_json() + "\n")
    else:
        show(explanation, Console(highlight=False))
