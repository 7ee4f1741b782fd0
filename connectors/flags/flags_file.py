"""The flags file: which OpenFeature provider says the stages, and its options.

provider = "unleash"                      # or "package.module:Class", any OpenFeature provider
flag = "depotgate-stage"

[options]                                 # what the provider is made with
url = "https://flags.example/api"

[secrets]                                 # the same, read from files of mode 0600 beside it
api_token = "unleash.token"
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from openfeature.provider import FeatureProvider
from pydantic import Field, ValidationError

from connectors.private_files import open_to_others, read_with_mode
from models.errors import ConfigurationError
from models.record import Frozen

FILE_BYTES_MAX = 64 * 1024
"""Of the flags file and of each secret: they have a few lines."""

BUILT_IN: Mapping[str, str] = {"unleash": "connectors.flags.unleash:unleash_provider"}
"""Providers that have a short name; every other one is named by its module and class."""

_FORM = 'expected `provider = "unleash"` or `provider = "package.module:Class"`'


class _Written(Frozen):
    provider: Annotated[str, Field(min_length=1)]
    flag: Annotated[str, Field(min_length=1, max_length=200)] = "depotgate-stage"
    options: dict[str, Any] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)


class FlagSource(NamedTuple):
    """A provider that is made and not started yet, and the flag that it is asked for.

    Attributes:
        name: of the provider, as rows and audit records have it.
    """

    name: str
    provider: FeatureProvider
    flag: str


def read_flags_file(path: Path) -> FlagSource:
    """The provider that a flags file describes.

    Raises:
        ConfigurationError: the file, a secret, the provider or an option is not as expected; never
            says what a secret is.
    """
    written = _written(path)
    secrets = {name: _secret(name, path.parent / place) for name, place in written.secrets.items()}
    make = _imported(path, BUILT_IN.get(written.provider, written.provider))
    try:
        provider = make(**written.options, **secrets)
    except (TypeError, ValueError) as fault:
        # A signature that does not fit names its parameters; a value might be quoted in others.
        said = str(fault) if isinstance(fault, TypeError) and not secrets else type(fault).__name__
        names = ", ".join([*written.options, *secrets]) or "none"
        raise ConfigurationError(
            f"{path}: {written.provider} cannot be made with these options ({names}): {said}"
        ) from None
    # A protocol that cannot be asked for: the one method that is needed, and that few others have.
    if not hasattr(provider, "resolve_string_details"):
        raise ConfigurationError(f"{path}: {written.provider} is no OpenFeature provider; {_FORM}")
    return FlagSource(written.provider, provider, written.flag)


def _written(path: Path) -> _Written:
    content = _content(path, "the flags file", private=False)
    try:
        return _Written.model_validate(tomllib.loads(content))
    except tomllib.TOMLDecodeError as fault:
        raise ConfigurationError(f"{path}: expected TOML: {fault}") from None
    except ValidationError as fault:
        said = "; ".join(
            f"{'.'.join(map(str, error['loc']))}: {error['msg']}"
            for error in fault.errors(include_url=False, include_input=False)
        )
        raise ConfigurationError(f"{path}: {said}; {_FORM}") from None


def _secret(name: str, path: Path) -> str:
    return _content(path, f"the secret {name}", private=True).strip()


def _content(path: Path, what: str, *, private: bool) -> str:
    try:
        content, mode = read_with_mode(path, FILE_BYTES_MAX)
    except OSError as fault:
        raise ConfigurationError(f"cannot read {what} at {path} ({fault.strerror})") from fault
    if private and (shown := open_to_others(mode)) is not None:
        raise ConfigurationError(f"others may read {path} (mode {shown}): chmod 600 {path}")
    if len(content) > FILE_BYTES_MAX:
        raise ConfigurationError(f"{path}: expected at most {FILE_BYTES_MAX:,} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: expected UTF-8") from None


def _imported(path: Path, named: str) -> Callable[..., FeatureProvider]:
    module, colon, name = named.partition(":")
    if not colon:
        raise ConfigurationError(f"{path}: there is no provider {named!r}; {_FORM}")
    try:
        made = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as fault:
        raise ConfigurationError(f"{path}: cannot import {named} ({fault}); {_FORM}") from None
    if not callable(made):
        raise ConfigurationError(f"{path}: {named} is no class; {_FORM}")
    return made  # type: ignore[no-any-return]
