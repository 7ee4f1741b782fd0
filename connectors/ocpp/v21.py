"""OCPP 2.1: what it does otherwise than 2.0.1.

Of the messages that are used here 2.1 adds fields and lengthens some, and changes none. So what
2.0.1 builds goes over the wire as it is, but for the texts in several languages that 2.1 carries;
payloads are validated by the schemas of 2.1. The `ocpp` package's own dataclasses of 2.1 are never
imported: for two fields they would make the start of a gateway a sixth longer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from ocpp.v201 import call_result, datatypes

from connectors.ocpp import v201
from connectors.ocpp.frames import CODES_21
from connectors.ocpp.schemas import Schema, actions_of
from connectors.ocpp.table import SILENT, Row, Words
from models.screens import MORE_TEXTS_MAX

PERSONAL_MESSAGE_CHARS_MAX = 1024
"""OCPP 2.1 part 2, MessageContentType.content."""


@dataclass
class TransactionEvent(call_result.TransactionEvent):  # type: ignore[misc]  # no types
    """The answer of 2.1: with texts in further languages."""

    updated_personal_message_extra: list[datatypes.MessageContentType] | None = None


@dataclass
class MessageInfoType(datatypes.MessageInfoType):  # type: ignore[misc]  # no types
    """A message for a display, as 2.1 has it: with its text in further languages."""

    message_extra: list[datatypes.MessageContentType] | None = None


def _newer(schema: Schema) -> Schema:
    return Schema("v21", schema.name)


def transaction_event_response(
    status: str | None, expiry: datetime | None = None, words: Words = SILENT
) -> object:
    """Answer TransactionEvent as 2.0.1 does, with the texts in further languages beside the first.

    Authorize has no field for them: AuthorizeResponse of 2.1 carries the one personalMessage.
    """
    if status is None:
        return TransactionEvent()
    written = v201.messages(words, PERSONAL_MESSAGE_CHARS_MAX)
    first = written[0] if written else None
    return TransactionEvent(
        id_token_info=v201.id_token_info(status, expiry, first),
        updated_personal_message=first,
        updated_personal_message_extra=written[1 : 1 + MORE_TEXTS_MAX] or None,
    )


_RESPONSES = {"TransactionEvent": TransactionEvent}
"""Answers that have fields which 2.0.1 lacks, and which are used."""


def _row(row: Row) -> Row:
    response = _RESPONSES.get(row.action, row.response)
    return replace(row, request=_newer(row.request), response=response)


VERSION = replace(
    v201.VERSION,
    name="2.1",
    subprotocol="ocpp2.1",
    codes=CODES_21,
    rows={row.action: _row(row) for row in v201.ROWS},
    calls={own.request: replace(own, result=_newer(own.result)) for own in v201.CALLS},
    actions=actions_of("v21"),
    authorize_response=partial(v201.authorize_response, chars_max=PERSONAL_MESSAGE_CHARS_MAX),
    transaction_event_response=transaction_event_response,
)
