"""`louver masks`, run as a person runs it: the list, one mask, and masks tried on values."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from policies.masks import SCHEMAS

if TYPE_CHECKING:
    from pathlib import Path


def _louver(*arguments: object, given: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "louver", *map(str, arguments)],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        timeout=60,
    )


def test_masks_are_listed_and_described() -> None:
    """`louver masks` has every mask with an example; with a name, its parameters; in JSON, too."""
    listed = json.loads(_louver("masks", "--format", "json").stdout)
    assert [mask["mask"] for mask in listed] == list(SCHEMAS)
    plain = _louver("masks").stdout.splitlines()
    assert [line.split("\t")[0] for line in plain] == list(SCHEMAS)
    assert (
        "phone\tshows the network or area and the end of a phone number\t{mask: phone}\t138-1234-5678\t138****5678"
        in plain
    )
    assert "keep_last\t4\tcharacters shown at the end" in _louver("masks", "phone").stdout
    assert json.loads(_louver("masks", "phone", "--format", "json").stdout)["parameters"][0]["name"] == "keep_last"


@pytest.mark.parametrize(
    ("arguments", "given", "printed"),
    [
        (("phone", "13812345678", "x"), "", "13812345678\t138****5678\nx\t****\n"),
        (("partial", "-p", "keep_first=3", "--param", "character=#", "13812345678"), "", "13812345678\t138####\n"),
        (("chinese_name", "-"), "张三\n欧阳娜娜\n", "张三\t张**\n欧阳娜娜\t欧阳**\n"),
        (("bucket", "-p", "bounds=0,100", "--", "-5", "250.5"), "", "-5\t0\n250.5\t100\n"),
        (("json", "-p", "paths=a.b,c", '{"c": 1}'), "", '{"c": 1}\t{"c": 0}\n'),
        (("replace", "-p", r"pattern=\d{4}", "-p", "by=it's", "no 4711"), "", "no 4711\tno it's\n"),
        (("age_band", "1985-03-02"), "", "1985-03-02\t1980-01-01\n"),
        (("null", "x"), "", "x\tNULL\n"),
        (("constant", "-p", "value=true", "--length", "3", "x"), "", "x\ttru\n"),
        (("full", "--type", "number", "42"), "", "42\t0\n"),
    ],
)
def test_a_mask_is_tried_on_values(arguments: tuple[str, ...], given: str, printed: str) -> None:
    """What a mask makes of a value stands behind it, a line for each."""
    done = _louver("masks", *arguments, given=given)
    assert (done.returncode, done.stdout) == (0, printed), done.stderr


def test_a_keyed_mask_is_tried_under_a_key(tmp_path: Path) -> None:
    """Without a secret the key is one for examples, and that is said; with one it is that."""
    _louver("secret", tmp_path / "secret")
    example, own = _louver("masks", "token", "a"), _louver("masks", "token", "a", "--secret-file", tmp_path / "secret")
    assert "--secret-file" in example.stderr
    assert own.stderr == ""
    assert example.stdout != own.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("phome",), "there is no mask `phome`; did you mean `phone`?"),
        (("partial", "x"), "`partial` needs `keep_first` or `keep_last`"),
        (("phone", "-p", "keep_last=9", "x"), "`keep_last` must be between 0 and 4, not 9"),
        (("phone", "-p", "keep", "x"), "--param takes KEY=VALUE, not keep"),
        (("phone", "-p", "nope=1", "x"), "unknown key `nope` in mask `phone`"),
        (("round", "-p", "step=10", "ten"), "`ten` is not a number"),
    ],
)
def test_a_mask_that_is_asked_for_wrongly_is_an_error(arguments: tuple[str, ...], message: str) -> None:
    """The command ends with 2 and says what is allowed."""
    done = _louver("masks", *arguments)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("phone", "--array", '{13812345678,NULL,"+1 415 555 0123"}'), "{138****5678,NULL,+1****0123}"),
        (("partial", "-p", "keep_last=2", "--array", "{{secret,hidden},{a,NULL}}"), "{{****et,****en},{****,NULL}}"),
        (("round", "-p", "step=100", "--array", "{149,151}"), "{100,200}"),
        (("full", "--array", "{13812345678}"), "{}"),
        (("null", "--array", "{a}"), "NULL"),
        (("year", "--array", "{1985-03-02}"), "{1985-01-01}"),
    ],
)
def test_masks_are_tried_on_arrays(arguments: tuple[str, ...], shown: str) -> None:
    """Each element is masked by itself, as the database does."""
    assert _louver("masks", *arguments).stdout == f"{arguments[-1]}\t{shown}\n"


def test_what_is_no_array_is_told() -> None:
    """With what is wrong about it."""
    ran = _louver("masks", "phone", "--array", "13812345678")
    assert ran.returncode == 2
    assert "`13812345678` is no array such as {a,NULL}: an array begins with { and ends with }" in " ".join(
        ran.stderr.split()
    )
