"""OCPP 2.1: what it does otherwise than 2.0.1.

Of the messages that are used here 2.1 adds fields and lengthens some, and changes none. So what
2.0.1 builds goes over the wire as it is; payloads are validated by the schemas of 2.1.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ocpp.v21 import enums

from connectors.ocpp import v201
from connectors.ocpp.frames import CODES_21
from connectors.ocpp.schemas import Schema

PERSONAL_MESSAGE_CHARS_MAX = 1024
"""OCPP 2.1 part 2, MessageContentType.content."""


def _newer(schema: Schema) -> Schema:
    return Schema("v21", schema.name)


VERSION = replace(
    v201.VERSION,
    name="2.1",
    subprotocol="ocpp2.1",
    codes=CODES_21,
    rows={row.action: replace(row, request=_newer(row.request)) for row in v201.ROWS},
    calls={own.request: replace(own, result=_newer(own.result)) for own in v201.CALLS},
    actions=frozenset(action.value for action in enums.Action),
    authorize_response=partial(v201.authorize_response, chars_max=PERSONAL_MESSAGE_CHARS_MAX),
    transaction_event_response=partial(
        v201.transaction_event_response, chars_max=PERSONAL_MESSAGE_CHARS_MAX
    ),
)
