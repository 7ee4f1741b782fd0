"""`depotgate explain`."""

from __future__ import annotations

import sys
import warnings
from getpass import GetPassWarning
from pathlib import Path
from typing import Annotated

import typer

from depotgate.commands.options import AsJson, Data, Kafka, Keys, Tenant
from depotgate.commands.saying import errors, run_until_told, sayable
from depotgate.settings import read_settings
from models.errors import ConfigurationError

FROM_INPUT = "-"

CARD_CHARS_MAX = 1_024
"""Read of a card: more than any identifier, so that one that is too long is still told as such."""

Card = Annotated[
    str | None,
    typer.Option(
        help="Card number; `-` reads it from standard input, without the option it is asked for, "
        "hidden."
    ),
]
At = Annotated[
    str | None,
    typer.Option(help="Time: 2026-07-14T18:05:00+02:00, or site time: 2026-07-14 18:05, 18:05."),
]


@sayable
def explain(
    decision_id: Annotated[
        str | None, typer.Argument(help="Id of a decision, as `depotgate tail` prints it.")
    ] = None,
    *,
    charger: Annotated[str | None, typer.Option(help="Ask what would be answered here.")] = None,
    card: Card = None,
    stated_type: Annotated[
        str | None, typer.Option("--type", help="Type that the charger states, as ISO14443.")
    ] = None,
    at: At = None,
    depot: Annotated[
        Path | None, typer.Option(help="A depot folder instead of what is loaded; no Kafka.")
    ] = None,
    kafka: Kafka = None,
    data: Data = None,
    pseudonym_keys_file: Keys = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Say why an attempt was answered as it was, or what would be answered to a card."""
    from depotgate.explaining.answering import (
        Asked,
        explain_configured,
        explain_draft,
        explain_recorded,
        print_explanation,
    )

    settings = read_settings(
        kafka=kafka, data=data, pseudonym_keys_file=pseudonym_keys_file, tenant=tenant
    )
    if decision_id is not None:
        if any(given is not None for given in (charger, card, stated_type, at, depot)):
            raise ConfigurationError(
                "a decision's id says it all: leave out --charger, --card, --type, --at and --depot"
            )
        explanation = run_until_told(explain_recorded(settings, decision_id))
    elif charger is not None:
        asked = Asked(charger, _card(card), stated_type, at)
        explanation = (
            explain_draft(settings, asked, depot)
            if depot is not None
            else run_until_told(explain_configured(settings, asked))
        )
    else:
        raise ConfigurationError(
            "expected the id of a decision, or --charger ID to ask what would be answered there"
        )
    print_explanation(explanation, as_json=as_json)


def _card(given: str | None) -> str:
    """The card number, of which nothing is ever printed (rule 26)."""
    if given == FROM_INPUT:
        return sys.stdin.readline(CARD_CHARS_MAX).rstrip("\r\n")
    if given is not None:
        errors().print(
            "a card number on the command line stays in the shell's history and is seen in the "
            "list of processes; use --card - or leave --card out",
            style="yellow",
            soft_wrap=True,
        )
        return given
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", GetPassWarning)
            return str(typer.prompt("Card number (hidden)", hide_input=True, err=True))
    except GetPassWarning:
        errors().print()  # the prompt stands there already
        raise ConfigurationError(
            "there is no terminal on which a card could be asked for hidden; give it on standard "
            "input with --card -"
        ) from None
