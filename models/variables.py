"""Variables of OCPP 2.x by one text: `Component.Variable[Instance]/Attribute`.

Without an attribute the Actual one is meant, as it is on the wire (2.0.1 GetVariableDataType). A
charger may have a set point as the Target of its variable alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ACTUAL = "Actual"


def row_named(name: str) -> dict[str, Any]:
    """The variable as an entry of GetVariables or SetVariables names it."""
    variable, _, attribute = name.partition("/")
    component, _, variable = variable.partition(".")
    variable, _, instance = variable.rstrip("]").partition("[")
    row = {"name": variable} | ({"instance": instance} if instance else {})
    return {
        "attributeType": attribute or _ACTUAL,
        "component": {"name": component},
        "variable": row,
    }


def name_of(row: Mapping[str, Any], attribute: object = None) -> str | None:
    """The name, in small letters, of the variable that an entry of an answer or report is about;
    None for one that names none.

    Args:
        attribute: of the entry, None where it states none.
    """
    component, variable = row.get("component"), row.get("variable")
    if not isinstance(component, Mapping) or not isinstance(variable, Mapping):
        return None
    instance = f"[{variable['instance']}]" if "instance" in variable else ""
    suffix = "" if attribute in (None, _ACTUAL) else f"/{attribute}"
    return f"{component.get('name')}.{variable.get('name')}{instance}{suffix}".casefold()
