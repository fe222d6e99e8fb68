"""MySQL and MariaDB behind Louver.

The walk of a session, by file:

front          what the server is given: logins and sessions
login          logs a connection in on both legs
relay          the shell of one session: bytes in, bytes out, backpressure, the end
deliberation   the ruling of each statement: at hand, or after the session's own server was asked
caller         who asks, and the world that this caller is in
gate           from a statement's text to its ruling
threads        the sessions there are, by the numbers that KILL names them by
stopping       ends what a client that has gone left running
catalogs       what the server holds; introspection and catalog_sql read it, watch sees changes made elsewhere
wire/          the protocol without I/O
"""
