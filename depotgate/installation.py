"""What belongs to an installation, and who works on it."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from connectors.keys import read_keys
from depotgate.settings import Settings
from models.errors import ConfigurationError
from models.identifiers import Pseudonymiser


def actor() -> str:
    """Who changes something, for the audit topic."""
    return getpass.getuser()


def pseudonymiser_of(settings: Settings) -> Pseudonymiser:
    """Pseudonyms of this installation.

    Raises:
        PseudonymKeyError: the key file is missing or not usable (rule 26): nothing starts.
    """
    return Pseudonymiser(read_keys(settings.pseudonym_keys_file), settings.tenant)


def data_folder(settings: Settings) -> Path:
    """The data folder, made when it is not there.

    Raises:
        ConfigurationError: it cannot be written to.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        if not os.access(settings.data, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as fault:
        raise ConfigurationError(
            f"cannot write to {settings.data} ({fault.strerror}); "
            "choose another data folder with --data"
        ) from fault
    return settings.data
