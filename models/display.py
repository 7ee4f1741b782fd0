"""What a charger's display says in a managed window: whose time it is, in the site's languages."""

from __future__ import annotations

from datetime import datetime

from models.attempt import DriverText
from models.languages import DRIVER_TEXT_MAX_CHARS, spoken


def reserved_texts(
    start: datetime | None,
    end: datetime | None,
    now: datetime,
    timezone: str,
    codes: tuple[str, ...],
) -> tuple[DriverText, ...]:
    """The announcement of a managed window, a text for each language.

    Args:
        start, end: of the window; None where the mode has no edge on that side.
        now: times are said from here, as in every text for drivers.
        codes: of the site's languages, the first one first.
    """
    texts = []
    for language in spoken(codes):
        text = language.display.reserved
        if start is not None and end is not None:
            text = language.display.reserved_between.format(
                start=language.when(start, now, timezone, language.display.start),
                end=language.when(end, now, timezone, language.display.end),
            )
        texts.append(DriverText(language=language.code, text=text[:DRIVER_TEXT_MAX_CHARS]))
    return tuple(texts)
