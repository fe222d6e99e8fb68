"""Statement in, statement out: a client's text with every protected relation replaced by the caller's view of it.

One package for each family of databases, for what makes a reading complete is different in each: `postgres` reads with
PostgreSQL's own grammar. `model` has the nouns that they share.
"""
