"""Alerts: the audit trail read as it grows, and somebody told, or something done, when rules say so.

facts      what a record says, in the form that rules look at; statements joined with their ends
rules      what a rule is: conditions, measures, baselines, responses
kinds.yaml the ready-made kinds
conditions, channels, lengths, loader   the file of rules, with every mistake in its place
windows    how much there was lately, what is usual, what was seen before
engine     records in, findings out
incidents  findings grouped, so that a burst is one message
messages   what is told of an incident: never a hidden value, never a literal

Imports `audit` and `policies`.
"""
