"""The enforcement point: what stands between the clients and the database.

The walk of a session, by file:

server        accepts connections, keeps limits, ticks, drains, reloads
handshake     logs a connection in on both legs: peer, tls, upstream, identity, cancel, postgres/ (startup and
              authentication)
relay         the shell of one session: bytes in, bytes out, backpressure, the end
deliberation  the ruling of a statement for which something is looked up first
postgres/     the session as a machine without I/O
caller        who asks, and the world that this caller is in
own           what a session has defined in its open transaction
gate          from a statement's text to its ruling; plans keeps rulings for every text of one shape
catalogs      what each database holds, with its labels; introspection and catalog_sql read it,
              watch sees changes made elsewhere
recording     what the audit is told; outbox lets statements leave once it is written
"""
