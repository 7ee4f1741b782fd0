"""The flags file: any OpenFeature provider by its name, options and secrets beside it."""
# ruff: noqa: E501 - a table, one refusal a line

from __future__ import annotations

from pathlib import Path

import pytest
from openfeature.contrib.provider.unleash import UnleashProvider
from openfeature.provider.no_op_provider import NoOpProvider

from connectors.flags.flags_file import read_flags_file
from models.errors import ConfigurationError

TOKEN = "*:development.secret"  # noqa: S105 - of nothing
UNLEASH = """\
provider = "unleash"
[options]
url = "http://127.0.0.1:9/api"
refresh_s = 2
[secrets]
api_token = "unleash.token"
"""


def written(folder: Path, text: str, *, mode: int = 0o600) -> Path:
    secret = folder / "unleash.token"
    secret.touch(mode=mode)
    secret.chmod(mode)
    secret.write_text(TOKEN + "\n")
    path = folder / "flags.toml"
    path.write_text(text)
    return path


def test_unleash_is_made_with_its_options_and_a_token_from_a_file(tmp_path: Path) -> None:
    source = read_flags_file(written(tmp_path, UNLEASH))
    assert (source.name, source.flag) == ("unleash", "depotgate-stage")
    provider = source.provider
    assert isinstance(provider, UnleashProvider)
    assert (provider.url, provider.api_token) == ("http://127.0.0.1:9/api", TOKEN)
    assert provider.client.unleash_refresh_interval == 2


def test_any_other_provider_is_named_by_module_and_class(tmp_path: Path) -> None:
    text = 'provider = "openfeature.provider.no_op_provider:NoOpProvider"\nflag = "stage"\n'
    source = read_flags_file(written(tmp_path, text))
    assert isinstance(source.provider, NoOpProvider)
    assert source.flag == "stage"


# fmt: off
REFUSED = [
    ("provider = ",                                   "flags.toml: expected TOML: "),
    ("",                                              "flags.toml: provider: Field required; expected"),
    ('provider = "unlaesh"',                          "there is no provider 'unlaesh'; expected"),
    ('provider = "no.such:Provider"',                 "cannot import no.such:Provider (No module named 'no'"),
    ('provider = "pathlib:Nothing"',                  "cannot import pathlib:Nothing (module 'pathlib' has no"),
    ('provider = "datetime:timedelta"',               "datetime:timedelta is no OpenFeature provider"),
    ('provider = "unleash"\nserver = "x"',            "flags.toml: server: Extra inputs are not permitted"),
    ('provider = "unleash"\n[options]\nlink = "x"',   "unleash cannot be made with these options (link): "),
    ('provider = "unleash"\n[secrets]\napi_token = "none"', "cannot read the secret api_token at "),
]
# fmt: on


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_flags_file(written(tmp_path, text))
    assert said in str(refused.value)


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"chmod 600 .*unleash\.token"):
        read_flags_file(written(tmp_path, UNLEASH, mode=0o644))


def test_a_secret_is_never_repeated(tmp_path: Path) -> None:
    text = UNLEASH.replace("refresh_s = 2", "no_such_option = 1")
    with pytest.raises(ConfigurationError) as refused:
        read_flags_file(written(tmp_path, text))
    assert TOKEN not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot read the flags file at .*none\.toml"):
        read_flags_file(tmp_path / "none.toml")
