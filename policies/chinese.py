"""Decisions in Chinese sentences, for those who answer for them: the same content as `policies.words`.

Owns the wording, of every mask too; a test holds it to the masks that there are. May not do: decide.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from policies.words import condition, without_grants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policies.grants import Grant
    from policies.masks import ParameterValue
    from policies.model import Allowance, ColumnName, Limit, Mask, RowFilter, Treatment

    Phrase = Callable[[Mapping[str, ParameterValue]], str]

_WRITES: Final = {
    "preserve": "",
    "deny": "；不得写入",
    "allow": "；写入的内容将替换被隐藏的值",
}
_DEFAULT: Final = "default mask of category "
_PARTS: Final = {"province": "省级", "city": "省、市", "district": "省、市、区（县）"}


def _ends(parameters: Mapping[str, ParameterValue]) -> str:
    """Which characters of a value are kept."""
    first, last = parameters.get("keep_first", 0), parameters.get("keep_last", 0)
    kept = [f"{word}{count}位" for word, count in (("前", first), ("后", last)) if count]
    return "、".join(kept)


def _with(what: str) -> Phrase:
    return lambda parameters: f"{what}（仅保留{_ends(parameters)}）" if _ends(parameters) else f"{what}（全部隐藏）"


def _card(parameters: Mapping[str, ParameterValue]) -> str:
    bank = "发卡行标识和" if parameters["keep_bin"] else ""
    return f"显示为卡号（仅保留{bank}后{parameters['keep_last']}位）"


def _email(parameters: Mapping[str, ParameterValue]) -> str:
    domain = "和域名" if parameters["keep_domain"] else ""
    return f"显示为电子邮箱（仅保留前{parameters['keep_first']}位{domain}）"


PHRASES: Final[Mapping[str, Phrase]] = {
    "full": lambda _: "全部隐藏",
    "null": lambda _: "显示为空值（NULL）",
    "partial": _with("部分显示"),
    "chinese_name": lambda _: "只显示姓氏（非中文姓名只显示首字母）",
    "phone": lambda p: f"显示为电话号码（仅保留网号、区号或国家代码及后{p['keep_last']}位）",
    "id_card": _with("显示为证件号码"),
    "passport": _with("显示为护照号码"),
    "bank_card": _card,
    "email": _email,
    "address": lambda p: f"显示为地址（仅保留{_PARTS.get(str(p['keep']), p['keep'])}）",
    "ip": lambda p: f"显示为所在网段（IPv4 /{p['v4_prefix']}，IPv6 /{p['v6_prefix']}）",
    "free_text": lambda _: "隐藏文本中的长号码和电子邮箱",
    "replace": lambda p: f"将匹配 `{p['pattern']}` 的内容替换为 `{p['by']}`",
    "json": lambda p: f"隐藏其中的 {'、'.join(str(p['paths']).splitlines())}",
    "binary": lambda p: f"只显示前{p['keep_first']}个字节",
    "hash": lambda _: "显示为加密散列值（相同的值仍相同）",
    "token": lambda _: "显示为令牌（相同的值仍相同）",
    "digits": lambda _: "显示为位数相同的其他数字（相同的号码仍相同）",
    "round": lambda p: f"取整到 {p['step']}",
    "bucket": lambda p: f"显示为所在区间（分界为 {p['bounds']}）",
    "noise": lambda p: f"加入不超过百分之{p['percent']}的扰动",
    "year": lambda _: "只显示年份",
    "month": lambda _: "只显示年份和月份",
    "age_band": lambda p: f"显示为所在{p['years']}年区间的第一天",
    "constant": lambda p: f"显示为固定内容 `{p['value']}`",
}
"""What a caller sees of a value under each mask."""


def describe(column: ColumnName, treatment: Treatment) -> str:
    """Say in Chinese what the caller gets of one column, and by which rule."""
    subject = f"{column.schema}.{column.relation} 的 {column.column}"
    if treatment.reason is not None:
        return f"{subject}：不得读取，规则“{treatment.rule}”无法判定（{treatment.reason}）"
    rule, _ = without_grants(treatment)
    category = rule.removeprefix(_DEFAULT).strip("`")
    given = f"类别“{category}”的默认脱敏方式" if rule.startswith(_DEFAULT) else f"规则“{rule}”"
    grants = (f"授权 {number}" for number in treatment.grants)
    by = f"依据{'或'.join((*((given,) if rule else ()), *grants))}"
    plans = "；可查看读取该列的语句的执行计划" if treatment.explain else ""
    return f"{subject}：{_shown(treatment)}，{by}{_WRITES[treatment.on_write]}{plans}"


def _often(allowed: Allowance) -> str:
    """How often something may be done."""
    a_day = "" if allowed.per_day is None else f"、每天最多{allowed.per_day}次"
    return f"每小时最多{allowed.per_hour}次{a_day}"


def _shown(treatment: Treatment) -> str:
    if treatment.kind == "deny":
        return "不得读取"
    shown = "原样显示" if treatment.mask is None else mask_words(treatment.mask)
    if treatment.search is not None:
        shown += f"，可按真实值查找，{_often(treatment.search)}"
    if treatment.join is not None:
        shown += f"，可按真实值关联，{_often(treatment.join)}"
    if treatment.rows is None:
        return shown
    elsewhere = "全部隐藏" if treatment.fallback is None else mask_words(treatment.fallback)
    return f"满足 {condition(treatment.rows)} 的行{shown}，其余的行{elsewhere}"


def mask_words(mask: Mask) -> str:
    """Say in Chinese what a caller sees under a mask."""
    return PHRASES[mask.name](dict(mask.parameters))


def describe_limit(limit: Limit) -> str:
    """Say how much the caller may read."""
    told = [
        what.format(number)
        for number, what in (
            (limit.statements_per_hour, "每小时{}条语句"),
            (limit.rows_per_statement, "每次结果{}行"),
            (limit.rows_per_hour, "每小时{}行"),
        )
        if number is not None
    ]
    return f"最多{'、'.join(told)}，依据限额 `{limit.rule}`"


def describe_grant(grant: Grant) -> str:
    """Say in Chinese how long a grant is in force, by whose leave and why."""
    until = "" if grant.ends is None else f"有效至 {grant.ends.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC，"
    leave = f"由 {'、'.join(grant.approvals)} 批准" if grant.approvals else "无人批准"
    by = "紧急启用" if grant.break_glass else leave
    purpose = "" if grant.purpose is None else f"用途 {grant.purpose}，"
    return f"授权 {grant.id}：{until}{purpose}{by}，事由：{grant.reason}"


def describe_filter(filtered: RowFilter) -> str:
    """Say which rows of some tables the caller has, and by which filter."""
    tables = "、".join(".".join(part.written for part in names if part is not None) for names in filtered.tables)
    by = f"行过滤规则 `{filtered.rule}`"
    if filtered.reason is not None:
        return f"{tables} 不可读取：{by} 无法求值（{filtered.reason}）"
    if filtered.rows is None:
        return f"{tables} 的行均不存在，除非其他过滤规则成立：{by} 不成立"
    if not filtered.hides:
        return f"{tables} 的所有行均可见，依据{by}"
    return f"{tables} 中只有满足 {condition(filtered.rows)} 的行，依据{by}"
