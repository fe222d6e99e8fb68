"""Who may see what: the policy file, and decisions made from it. Pure: no I/O but the reading of a file, no clock, no SQL.

model       the nouns: principal, session, label, treatment, decision
positions   YAML with line and column, problems, checks; for all files of the project
loader      the policy file to a `PolicySet`, or all that is wrong with it
patterns    names as policies write them; dictionary: a column's label; rules: what one rule says
conditions  `when`, in CEL; rows: `rows`, with its placeholders
masks       the masks by name and parameter, default masks; `rewriter.postgres.masks` has their SQL
decide      `PolicySet.decide`: what one caller sees of every labelled column; words: the same in sentences
examples/   policy files to start from
"""
