"""Discovery's look at a database: what may be asked of it, and how. What is recognised stands in `policies.discovery`.

target     which database, from a URL or from the configuration
bounds     how much load a look may be
postgres   catalogs and samples of a PostgreSQL; mysql: of a MySQL or MariaDB
look       one look: every table, one after the other, to proposals
"""
