"""Measures: what is done at once about somebody, by the alerts or by a person: a session ended, an account suspended, masks tightened.

records  what a measure is
store    the file in which measures stand, and what the audit trail has to be told
inforce  those in force, as logins and rulings look at them
watch    following the file while the proxy runs
"""
