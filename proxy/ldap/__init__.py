"""LDAP (RFC 4511), as much of it as asking for a person and checking a password takes.

- ber.py          lengths and tags
- filters.py      search filters as people write them (RFC 4515), with values put in that are never text of the filter
- names.py        distinguished names (RFC 4514): taking one apart, whether one lies under another
- messages.py     requests as bytes, answers as records
- connection.py   one connection: TLS, bind, search
- people.py       a person in a directory: found by name, with attributes and groups, and whether a password is theirs
"""
