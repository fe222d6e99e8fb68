"""What a MySQL or MariaDB server holds: one snapshot for all its schemas, and the labels of their columns.

Owns the way from a snapshot to its labels, which go by name. May not do: decide, know sessions.
"""

from __future__ import annotations

from proxy.catalogs import Catalogs, Known
from rewriter.mysql.catalog import Catalog, column_name

SERVER = ""
"""What the one snapshot is known as: a statement can name every schema of the server, whichever it came to."""

MySQLKnown = Known[Catalog]


class MySQLCatalogs(Catalogs[Catalog, MySQLKnown]):
    """The one server of an upstream."""

    def _new(self, database: str) -> MySQLKnown:
        # stands for a server that holds nothing until it is read, which happens before anybody is guarded
        return Known(database, Catalog(database, 0, "mysql", (0, 0, 0), folds_names=True, tables={}))

    def _label(self, known: MySQLKnown, earlier: Catalog) -> None:  # noqa: ARG002  names need no history
        labels = {}
        for table in known.catalog.tables.values():
            for column in table.columns:
                name = column_name(table, column.name)
                # what PostgreSQL calls database and schema is one thing here, and answers to both
                label = self._policies.label(name.schema, name.schema, name.relation, name.column)
                if label is not None:
                    labels[name] = label
        known.labels = labels
