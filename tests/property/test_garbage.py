"""Whatever bytes arrive, a session raises a protocol violation or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

FRONTEND = b"BCDEHFPQSXdcf"
BACKEND = b"123CDEGHINSTZdcnst"


def messages(types: bytes) -> st.SearchStrategy[bytes]:
    """Runs of messages with known types and honest lengths, or dishonest ones, around any payload."""
    payload = st.binary(max_size=40)
    honest = st.builds(
        lambda kind, data: bytes([kind]) + (len(data) + 4).to_bytes(4, "big") + data, kinds(types), payload
    )
    lying = st.builds(
        lambda kind, length, data: bytes([kind]) + length.to_bytes(4, "big") + data,
        kinds(types),
        st.integers(0, 300) | st.sampled_from([0xFFFFFFFF, 0x7FFFFFFF, 0x00100005]),
        payload,
    )
    return st.lists(honest | honest | honest | lying, max_size=8).map(b"".join)


def kinds(types: bytes) -> st.SearchStrategy[int]:
    """One type byte."""
    return st.sampled_from(list(types))


STEPS = st.lists(
    st.tuples(st.just("client"), messages(FRONTEND) | st.binary(max_size=60))
    | st.tuples(st.just("server"), messages(BACKEND) | st.binary(max_size=60)),
    max_size=12,
)


@given(STEPS)
@settings(max_examples=400, deadline=None)
def test_garbage_is_a_protocol_violation(player: Callable[..., Any], steps: list[tuple[str, bytes]]) -> None:
    """Known and unknown messages with any payload, in any order: no other exception, and nothing after a violation."""
    played = player()
    for side, data in steps:
        getattr(played, side)(data)
    repr(played.session)


@given(st.lists(messages(FRONTEND), min_size=1, max_size=6), st.data())
@settings(max_examples=200, deadline=None)
def test_cuts_of_garbage_do_not_matter(player: Callable[..., Any], runs: list[bytes], data: st.DataObject) -> None:
    """The server gets the same from the same client bytes, wherever they are cut, up to a violation."""
    whole, cut = player(), player(split=lambda run: [run[i : i + 1] for i in range(len(run))])
    for run in runs:
        whole.client(run)
        cut.client(run)
    assert (whole.violation is None) == (cut.violation is None)
    if whole.violation is None:
        assert whole.to_server == cut.to_server
        assert whole.started == cut.started
        assert repr(whole.session) == repr(cut.session)
