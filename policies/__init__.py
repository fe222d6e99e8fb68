"""Who may see what: the policy file, and decisions made from it. Pure: no I/O but the reading of a file, no clock, no SQL.

model       the nouns: principal, session, label, treatment, decision
positions   YAML with line and column, problems, checks; for all files of the project
loader      the policy file to a `PolicySet`, or all that is wrong with it
patterns    names as policies write them; entries: the dictionary's, as YAML has them; dictionary: a column's label; rules: what one rule says
conditions  `when`, in CEL; rows: `rows`, with its placeholders; vocabulary: the calendar and what sessions declare, declarations reads them
masks       the masks by name and parameter, default masks; `rewriter.postgres.masks` has their SQL
decide      `PolicySet.decide`: what one caller sees of every labelled column; words: the same in sentences, chinese: in Chinese
remembered  decisions that were made, by all that they depend on
filters     which rows of a table a caller has at all
statements  kinds of statements, and what holds where the kind is not certain
limits      how much a caller may read
selecting   the columns that a rule means, as YAML has them
review      what is odd about rules that load: unreachable ones, row conditions that tell something; holding: conditions that never or always hold
trials      tests of policies as their authors write them
discovery/  what columns hold, and the file in which a person reviews it; packs/ levels by standard
examples/   policy files to start from
"""
