"""Grants: what a person may see for a time, kept where several proxies and the command line share it.

records    what is kept: what was asked for, what has happened
store      the ways a grant goes from one state to another; over tables, which are
sqlite     a file on one machine, or
postgres   a schema of a PostgreSQL, for proxies on several
granted    the grants in force, as rulings look at them
watch      keeps granted as the store has it, and tells the audit trail of every event
"""
