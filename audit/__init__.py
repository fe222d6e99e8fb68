"""The audit trail: who asked what, what the ruling was, how it ended.

record    what a record says; one builder per event
scrub     literals out of SQL text
chain     the bytes of a line and how it is bound to the one before
segments  the files of the trail, and the repair of a torn end
heads     what each closed segment ended with, signed
medium    the files that a trail is written to: lock, open segment, durability
writer    Trail: append, flush, rotate, sync
blocks    lines in the blocks that were written at once
verify    is the trail complete and untouched, and if not, where
compaction  closed segments as Parquet, every line byte for byte
reader    records from the files, forwards, from the end, and as they come
tables    the trail as tables of DuckDB, in whichever form its segments are
search    criteria, and statements joined with their outcomes as they come
query     which records meet criteria, and how many of what kind
present   records as text that is safe on a terminal and in a spreadsheet

Imports none of the other packages.
"""
