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
