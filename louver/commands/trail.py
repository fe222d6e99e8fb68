"""Where the audit trail is, for the commands that read it.

Owns the two options that name it. May not do: read it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from louver.console import Exit, fail

DirectoryOption = Annotated[
    Path | None, typer.Option("--directory", "-d", metavar="DIR", help="The directory of the trail.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="LOUVER_CONFIG", metavar="FILE", help="Take the directory named there."),
]


def find_trail(directory: Path | None, config: Path | None) -> tuple[Path, Path | None]:
    """Find the trail's directory and its signing key from the options, or from louver.yaml in the current directory."""
    if directory is not None:
        return directory, None
    if config is None:
        config = Path("louver.yaml")
        if not config.is_file():
            fail(["name the trail by --directory DIR, or the settings by --config FILE"], Exit.USAGE)
    from louver.settings import SettingsError, load_settings

    try:
        audit = load_settings(config).audit
    except SettingsError as error:
        fail(error.problems, Exit.USAGE)
    return audit.directory, audit.signing_key


def value_hash(config: Path | None, value: str) -> str:
    """Return what a value is in the trail, by the secret that the settings name."""
    from audit.values import ValueKey
    from louver.secret import SecretError, load_secret
    from louver.settings import SettingsError, load_settings

    path = Path("louver.yaml") if config is None else config
    try:
        secret = load_settings(path).secret_file
        if secret is None:
            fail([f"--value and --shown need the secret of the proxy, and {path} names no secret_file"], Exit.USAGE)
        return ValueKey(load_secret(secret)).digest(value.encode())
    except SettingsError as error:
        fail(error.problems, Exit.USAGE)
    except SecretError as error:
        fail([error], Exit.USAGE)
