"""The enforcement point: what stands between the clients and the database.

What every protocol shares:

server        accepts connections, keeps limits, ticks, drains; sessions are those that are open, reloading reads policies and
              certificates again
front         what a protocol is to the server: logins and sessions
peer, side    one end of a connection while it logs in, and afterwards; upstream and tls open the other end
identity      the users file; scram its verifiers
gate          from a statement's text to its ruling; plans and shapes keep rulings for every text of one shape,
              positions finds places of the text that left in the client's, budgets counts exact comparisons
grants/       what people may see for a time; kept in a file or a database that proxies share
catalogs      what each database holds, with its labels; changes are definitions under way, overtaken holds back answers that may
              show them
witness       where the server says that the columns of an answer come from
recording     what the audit is told; outbox lets statements leave once it is written; seen says what a statement reads, values and
              types what it names and binds, shown what its answer held
wording       refusals of the shells

postgres/     PostgreSQL: its session's shell, its gate, its catalogs; postgres/wire/ the protocol without I/O
mysql/        the same for MySQL and MariaDB; mysql/wire/
"""
