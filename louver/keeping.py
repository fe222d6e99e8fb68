"""Where grants are kept, and who decides on them: the section `grants` of the settings file.

Owns its keys with defaults and units, and the mistakes that span several of them. May not do: read a file, open a socket.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from louver import keys
from louver.places import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCHEMA: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")  # needs no quoting, in a search path either


@dataclass(frozen=True, slots=True)
class GrantsDatabase:
    """The PostgreSQL that keeps grants, and the account that does so there."""

    server: Upstream = field(metadata=keys.section(Upstream))
    name: str = field(metadata=keys.text("name"))
    schema: str = field(default="louver_grants", metadata=keys.text("name"))


@dataclass(frozen=True, slots=True)
class Grants:
    """Where grants are kept, in a file or in a database, and who somebody is that asks for them or decides."""

    file: Path | None = field(default=None, metadata=keys.path("file"))
    database: GrantsDatabase | None = field(default=None, metadata=keys.section(GrantsDatabase))
    login: Literal["password", "system"] = field(default="password", metadata=keys.choice("password", "system"))


def mistakes(grants: Grants) -> Iterator[tuple[str, str, str | None]]:
    """Find what is wrong: key, message and hint of each mistake."""
    if (grants.file is None) == (grants.database is None):
        yield "", "`grants` takes either `file` or `database`", None
    if grants.database is not None and not _SCHEMA.fullmatch(grants.database.schema):
        message = f"`{grants.database.schema}` cannot be the name of the schema"
        yield "database.schema", message, "write lower-case letters, digits and `_`, a letter first"
