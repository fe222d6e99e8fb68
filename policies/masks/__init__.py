"""The masks by name: which there are, which parameters they take, what each lets through, in words and in Python.

schema.py        what a mask is
registry.py      all of them; `make_mask`, `mask_words`, `show`
reading.py       a mask as a policy writes it
defaults.py      the mask of each category
plain.py         full, null, constant
partial.py       partial
chinese_name.py  chinese_name
shapes.py        phone, id_card, passport, bank_card
email_address.py email
address.py       address
network.py       ip
free_text.py     free_text
replacing.py     replace
json_paths.py    json
binary.py        binary
keyed.py         hash, token, digits
numbers.py       round, bucket, noise
dates.py         year, month, age_band

Checked without a database; `rewriter.postgres.masks` and `rewriter.mysql.masks` render what is named here, and tests hold the three
together.
"""

from policies.masks.defaults import CATEGORY_DEFAULTS, DEFAULT_MASK, DERIVED
from policies.masks.keyed import KeyNeededError
from policies.masks.reading import read_mask
from policies.masks.registry import SCHEMAS, make_mask, mask_words, show, show_array
from policies.masks.schema import PAD_CHARACTERS, MaskSchema, ParameterValue, Value

__all__ = [
    "CATEGORY_DEFAULTS",
    "DEFAULT_MASK",
    "DERIVED",
    "PAD_CHARACTERS",
    "SCHEMAS",
    "KeyNeededError",
    "MaskSchema",
    "ParameterValue",
    "Value",
    "make_mask",
    "mask_words",
    "read_mask",
    "show",
    "show_array",
]
