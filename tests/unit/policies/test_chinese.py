"""Decisions in Chinese: every mask has words, and every sentence says what its English one says."""

import pytest

from policies.chinese import PHRASES, describe
from policies.masks import SCHEMAS, make_mask
from policies.model import Allowance, ColumnName, RowCondition, Treatment

PHONE = ColumnName("public", "customers", "phone")


def test_every_mask_has_words():
    """A new mask without words is found here, and no sentence is left of one that is gone."""
    assert set(PHRASES) == set(SCHEMAS)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_words_take_every_mask_with_its_defaults(name):
    """No parameter is missing that a sentence names."""
    examples = {"integer": 1, "value": "x", "text": "a", "texts": "$.a", "numbers": "1,2", "choice": "full"}
    given = {key: examples[each.kind] for key, each in SCHEMAS[name].parameters.items() if each.default is None}
    defaults = {key: each.default for key, each in SCHEMAS[name].parameters.items() if each.default is not None}
    assert PHRASES[name]({**defaults, **given})


@pytest.mark.parametrize(
    ("treatment", "sentence"),
    [
        (Treatment("clear", "经理"), "public.customers 的 phone：原样显示，依据规则“经理”"),
        (Treatment("deny", "r", on_write="deny"), "public.customers 的 phone：不得读取，依据规则“r”；不得写入"),
        (
            Treatment("mask", "default mask of category `phone`", make_mask("phone", keep_last=4)),
            "public.customers 的 phone：显示为电话号码（仅保留网号、区号或国家代码及后4位），依据类别“phone”的默认脱敏方式",
        ),
        (
            Treatment("mask", "柜员", make_mask("partial", keep_first=3, keep_last=4), search=Allowance(100)),
            "public.customers 的 phone：部分显示（仅保留前3位、后4位），可按真实值查找，每小时最多100次，依据规则“柜员”",
        ),
        (
            Treatment("clear", "r", rows=RowCondition("region = {0}", ("华东",)), fallback=make_mask("full")),
            "public.customers 的 phone：满足 region = '华东' 的行原样显示，其余的行全部隐藏，依据规则“r”",
        ),
        (
            Treatment("deny", "r", reason="no attribute"),
            "public.customers 的 phone：不得读取，规则“r”无法判定（no attribute）",
        ),
        (Treatment("mask", "r", make_mask("hash"), explain=True), "public.customers 的 phone：显示为加密散列值（相同的值仍相同），依据规则“r”；可查看读取该列的语句的执行计划"),
    ],
)  # fmt: skip
def test_a_treatment_in_chinese(treatment, sentence):
    """What is shown, on which rows, and by which rule."""
    assert describe(PHONE, treatment) == sentence
