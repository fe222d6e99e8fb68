import json

import pytest

from audit import chain, segments


def test_the_head_is_written_in_place_at_one_length(tmp_path):
    """The head file has the same length whatever it says, and is read back."""
    small, large = segments.head_bytes(1, b"a" * 64), segments.head_bytes(10**17, b"b" * 64)
    assert len(small) == len(large)
    (tmp_path / segments.HEAD).write_bytes(large)
    assert segments.read_head(tmp_path) == segments.Head(10**17, "b" * 64)


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\x00" * 128, b'{"seq":"1","hash":2}'])
def test_a_head_that_cannot_be_read_is_none(tmp_path, content):
    """A missing or damaged head file is no head, and no fault."""
    if content is not None:
        (tmp_path / segments.HEAD).write_bytes(content)
    assert segments.read_head(tmp_path) is None


def test_segments_come_in_the_order_of_their_numbers(tmp_path):
    """Other files are passed over, and a seventh digit sorts as a number."""
    for name in ("trail-1000000.jsonl", "trail-000002.jsonl", "trail-000001.jsonl.bak", "head", "trail-2.jsonl"):
        (tmp_path / name).touch()
    assert [number for number, _ in segments.segments(tmp_path)] == [2, 1_000_000]


def test_the_end_of_a_closed_trail_is_clean(make_trail):
    """A trail that was closed ends with its closing record, and nothing is set aside."""
    directory = make_trail(5)
    end = segments.find_end(directory)
    last = json.loads(segments.segments(directory)[-1][1].read_text().splitlines()[-1])
    assert (end.clean, end.seq, end.hash.decode(), end.torn, end.missing) == (True, last["seq"], last["hash"], (), 0)


def test_an_empty_directory_has_no_end(tmp_path):
    """Where nothing was written, the trail begins."""
    assert segments.find_end(tmp_path) == segments.End(0, 0, 0, 0, chain.GENESIS, False, True, (), 0, False)


def test_a_torn_end_is_set_aside_byte_for_byte(make_trail):
    """What is no whole record leaves the segment and lies in a file of its own; looking twice finds the same."""
    directory = make_trail(5, segment_bytes=10**6)
    (_, path), *_ = segments.segments(directory)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"hash":"' + b"\x00" * 20)
    first, second = segments.find_end(directory), segments.find_end(directory)
    assert path.read_bytes() == whole
    assert first == second
    assert (directory / first.torn[0].file).read_bytes() == b'{"hash":"' + b"\x00" * 20
    assert first.torn[0].file == f"torn-{first.seq + 1}-1.bin"


def test_whole_lines_that_are_no_records_are_set_aside_too(make_trail):
    """After a power loss a file can end in zeros or in lines of other files; they are not taken for the end."""
    directory = make_trail(5, segment_bytes=10**6)
    (_, path), *_ = segments.segments(directory)
    seq = segments.find_end(directory).seq
    junk = b"\x00" * 40 + b"\n" + b"other\n" + b'{"hash":"' + b"a" * 64 + b'","seq":99,"x":}\n'
    path.write_bytes(path.read_bytes() + junk)
    end = segments.find_end(directory)
    assert end.seq == seq
    assert (directory / end.torn[0].file).read_bytes() == junk


@pytest.mark.parametrize("content", [b"", b'{"hash":"ab'])
def test_a_segment_without_a_whole_header_is_begun_again(make_trail, content):
    """A crash while a segment was created leaves the trail at the end of the one before."""
    directory = make_trail(5)
    end = segments.find_end(directory)
    segments.segment_path(directory, end.segment + 1).write_bytes(content)
    again = segments.find_end(directory)
    assert (again.segment, again.seq, again.closed) == (end.segment, end.seq, True)
    assert not segments.segment_path(directory, end.segment + 1).exists()
    assert len(again.torn) == (1 if content else 0)


def test_a_head_that_knows_more_tells_how_much_is_gone(make_trail):
    """When lines were cut off the end, the head file says how many."""
    directory = make_trail(5, segment_bytes=10**6)
    (_, path), *_ = segments.segments(directory)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-3]))
    assert segments.find_end(directory).missing == 3


def test_a_head_with_another_hash_is_noticed(make_trail):
    """When the record that the head names has another hash, the trail was written anew."""
    directory = make_trail(5, segment_bytes=10**6)
    assert not segments.find_end(directory).head_differs
    (directory / segments.HEAD).write_bytes(segments.head_bytes(3, b"a" * 64))
    assert segments.find_end(directory).head_differs
