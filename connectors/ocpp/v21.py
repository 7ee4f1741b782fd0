"""OCPP 2.1: what it does otherwise than 2.0.1.

Of the messages that are used here 2.1 adds fields and lengthens some, and changes none. So what
2.0.1 builds goes over the wire as it is, but for the texts in several languages that 2.1 carries;
payloads are validated by the schemas of 2.1.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from ocpp.v21 import call_result, enums

from connectors.ocpp import v201
from connectors.ocpp.frames import CODES_21
from connectors.ocpp.schemas import Schema
from connectors.ocpp.table import SILENT, Row, Words
from models.screens import MORE_TEXTS_MAX

PERSONAL_MESSAGE_CHARS_MAX = 1024
"""OCPP 2.1 part 2, MessageContentType.content."""


def _newer(schema: Schema) -> Schema:
    return Schema("v21", schema.name)


def transaction_event_response(
    status: str | None, expiry: datetime | None = None, words: Words = SILENT
) -> object:
    """Answer TransactionEvent as 2.0.1 does, with the texts in further languages beside the first.

    Authorize has no field for them: AuthorizeResponse of 2.1 carries the one personalMessage.
    """
    if status is None:
        return call_result.TransactionEvent()
    written = v201.messages(words, PERSONAL_MESSAGE_CHARS_MAX)
    first = written[0] if written else None
    return call_result.TransactionEvent(
        id_token_info=v201.id_token_info(status, expiry, first),
        updated_personal_message=first,
        updated_personal_message_extra=written[1 : 1 + MORE_TEXTS_MAX] or None,
    )


_RESPONSES = {"TransactionEvent": call_result.TransactionEvent}
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
    actions=frozenset(action.value for action in enums.Action),
    authorize_response=partial(v201.authorize_response, chars_max=PERSONAL_MESSAGE_CHARS_MAX),
    transaction_event_response=transaction_event_response,
)
