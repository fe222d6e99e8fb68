"""Discovery: which columns of a database look sensitive, and the file in which a person reviews them. Pure, like all of `policies`.

model       a column as the catalog tells it; a finding
lexicon     the words by which columns are named; naming: reading names and comments
checksums   check digits; people: common names; contents: reading values, of which nothing comes out
recognise   the weighing of evidence
standards   category to level by JR/T 0171, JR/T 0197, GDPR, PCI DSS: the files of packs/
listing     the dictionary file: what is new, gone or changed, and its text
"""
