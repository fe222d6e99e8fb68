"""Where grants are kept, as the settings say: opening that, and following it.

Owns putting them together from the configuration. May not do: any work of the parts.
"""

from __future__ import annotations

import contextlib
import socket
from functools import partial
from typing import TYPE_CHECKING

from louver import connecting
from proxy.grants.sqlite import open_file
from proxy.grants.watch import GrantWatch

if TYPE_CHECKING:
    from audit.writer import Trail
    from louver.keeping import GrantsDatabase
    from louver.settings import Settings
    from policies.grants import Grant
    from proxy.grants.granted import Granted
    from proxy.grants.postgres import GrantSchema
    from proxy.grants.store import GrantStore


def open_store(settings: Settings) -> GrantStore:
    """Open what grants are kept in; there must be such a setting. Raises GrantsUnavailable and proxy.tls.TLSError."""
    grants = settings.grants
    assert grants is not None
    if grants.database is not None:
        from proxy.grants.postgres import open_database

        store = open_database(schema_of(grants.database))
    else:
        assert grants.file is not None
        store = open_file(grants.file)
    try:
        store.serve(settings.protocol)
    except BaseException:
        store.close()
        raise
    return store


def active_grants(settings: Settings) -> tuple[Grant, ...]:
    """The grants that are in force; none where none are kept yet. Raises GrantsUnavailable and proxy.tls.TLSError."""
    kept = settings.grants
    if kept is None or (kept.file is not None and not kept.file.exists()):
        return ()
    with contextlib.closing(open_store(settings)) as store:
        return tuple(each.grant for each in store.all(active=True))


def watch(settings: Settings, granted: Granted, trail: Trail) -> GrantWatch | None:
    """What follows the grants while the proxy runs; None where there are none. Raises proxy.tls.TLSError."""
    grants = settings.grants
    if grants is None:
        return None
    opened = partial(open_store, settings)
    directory = str(settings.audit.directory)
    if grants.database is None:
        return GrantWatch(opened, granted, trail, directory)
    from proxy.grants.postgres import hear

    # a trail is told apart from those of other machines, which may have the same directory
    name = f"{socket.gethostname()}:{directory}"
    return GrantWatch(opened, granted, trail, name, tolerant=True, hear=partial(hear, schema_of(grants.database)))


def check(settings: Settings) -> None:
    """Raise proxy.tls.TLSError for certificates that cannot be used."""
    if settings.grants is not None and settings.grants.database is not None:
        schema_of(settings.grants.database)


def schema_of(database: GrantsDatabase) -> GrantSchema:
    """How the database of grants is reached. Raises proxy.tls.TLSError for certificates that cannot be used."""
    from proxy.grants.postgres import GrantSchema

    way = connecting.place(database.server, "postgresql")
    return GrantSchema(connecting.to_postgres(database.server, way, database.name), database.schema)
