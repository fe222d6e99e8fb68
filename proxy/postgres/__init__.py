"""PostgreSQL behind Louver.

The walk of a session, by file:

front          what the server is given: logins, cancel requests (cancel), sessions
login          logs a connection in on both legs
relay          the shell of one session: bytes in, bytes out, backpressure, the end; undoing tells it what was undone
deliberation   the ruling of a statement for which something is looked up first
caller         who asks, and the world that this caller is in; own is what the session has defined in its transaction
gate           from a statement's text to its ruling
catalogs       what each database holds; introspection, catalog_sql and constraint_sql read it into a snapshot,
               labelling says which label each column has, book and ledger keep what the dictionary would not give again,
               watch sees changes made elsewhere
wire/          the protocol without I/O
"""
