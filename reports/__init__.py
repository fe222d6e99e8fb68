"""Reports: what the audit trail says of a period, for people who do not ask it in SQL.

questions  what is asked of the trail, in SQL
figures    the answers of one period
unusual    days on which somebody reads far more than they do
signals    what of it needs a person's eye
charts     figures as shapes
page       a report as HTML, CSV and JSON

Imports audit, and none of the other packages.
"""
