"""The audit trail: who asked what, what the ruling was, how it ended.

record    what a record says; one builder per event
scrub     literals out of SQL text
chain     the bytes of a line and how it is bound to the one before
segments  the files of the trail, and the repair of a torn end
writer    Trail: append, flush, rotate, sync
verify    is the trail complete and untouched, and if not, where
reader    records from the files, forwards, from the end, and as they come
search    which records, statements joined with their outcomes
present   records as text that is safe on a terminal and in a spreadsheet

Imports none of the other packages.
"""
