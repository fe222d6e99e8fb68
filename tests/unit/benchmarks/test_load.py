"""What pgbench prints is read as it is, and never as a good result when it is none."""

from __future__ import annotations

import pytest

from benchmarks.load import parse_output
from benchmarks.stage import BenchError

_PRINTED = """\
transaction type: <builtin: select only>
scaling factor: 10
query mode: prepared
number of clients: 8
number of threads: 2
maximum number of tries: 1
duration: 3 s
number of transactions actually processed: 81234
number of failed transactions: 0 (0.000%)
latency average = 0.295 ms
initial connection time = 41.232 ms
tps = 27119.512345 (without initial connection time)
"""


def test_count_and_throughput_are_read() -> None:
    """The transactions and their number a second come out."""
    assert parse_output(_PRINTED) == (81234, 27119.512345)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tps = 27119.512345 (without initial connection time)\n", ""),
        ("actually processed: 81234", "actually processed: none"),
        ("actually processed: 81234", "actually processed: 0"),
        ("failed transactions: 0 ", "failed transactions: 3 "),
    ],
    ids=["no tps", "no count", "none made", "some failed"],
)
def test_what_is_no_result_is_an_error(old: str, new: str) -> None:
    """A missing number, failed or no transactions end the bench."""
    with pytest.raises(BenchError, match="pgbench"):
        parse_output(_PRINTED.replace(old, new))
