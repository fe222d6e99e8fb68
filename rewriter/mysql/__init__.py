"""Statement in, statement out, for MySQL and MariaDB: text with every protected table replaced by the caller's view of it.

`catalog` says what is known of a server and of a session.
"""
