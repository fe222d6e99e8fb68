"""Statement in, statement out: PostgreSQL text with every protected relation replaced by the caller's view of it.

The walk: `rewrite` reads (`reading`), rules on each statement (`rulings`, by the table in `kinds`), edits and proves
(`proof`). On the way: `scopes` takes down what a tree names, `names` says what a name means, `world` what is protected for
the caller, `views` and `masks` what stands for it, `definitions` and `expansion` what stands behind a view, `conditions`
prints a policy's row condition, `substitution` and `copying` make the edits, `storing` looks at views that callers make,
`functions`, `system` and `settings` hold what is refused by name. `model` has the nouns.
"""
