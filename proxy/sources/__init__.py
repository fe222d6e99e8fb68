"""Where attributes of people come from besides the users file, one module for each kind of place.

- source.py    what a source is to the rest: it is asked for one person and answers, or cannot
- rows.py      what the rows of a query say of a person, by fixed rules
- postgres.py  a query to a PostgreSQL
- mysql.py     a query to a MySQL or MariaDB

The source that is an LDAP directory stands with the rest of LDAP, in `proxy/ldap/people.py`.

`proxy/people.py` asks them, keeps what they say for its time, and puts it together.
"""
