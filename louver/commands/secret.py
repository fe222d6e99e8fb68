"""`louver secret`: make the secret of keyed masks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from louver.console import fail, out


def secret(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; the file must not exist.")],
) -> None:
    """Make a secret for keyed masks (`hash`), readable by you alone.

    Name the file as `secret_file` in louver.yaml and keep a copy in a safe place:
    with another secret the same value gets another image.
    """
    from louver.secret import SecretError, create_secret

    try:
        create_secret(file)
    except SecretError as error:
        fail([error])
    out.print(f"wrote {file}", markup=False)
