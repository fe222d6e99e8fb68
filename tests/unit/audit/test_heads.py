"""The heads of segments: written, signed, proved; and what verification says of a trail without or against them."""

import dataclasses
import itertools

import pytest

from audit import heads, reader, segments, signing
from audit.medium import Medium
from audit.writer import AuditUnavailable, Trail


@pytest.fixture
def signer(tmp_path):
    """A key in a file."""
    return signing.Signer.create(tmp_path / "key.pem")


def written(directory, clock, signer, count=12, **options):
    """A trail of several segments; returns their heads."""
    trail = Trail.open(directory, **{"segment_bytes": 600, **options}, clock=clock, signer=signer)
    for number in range(count):
        trail.append(b'"event":"reloaded","reason":"%d"' % number)
        trail.flush()
    trail.close()
    return heads.read(directory / heads.HEADS).found


def kinds(directory, *keys, anchors=None):
    """The damages that verification finds: kind and segment."""
    return [(damage.kind, damage.segment) for damage in reader.verified(directory, anchors, keys).damages]


def test_each_closed_segment_has_a_signed_head(tmp_path, clock, signer):
    """The heads say first and last record and hash of every segment, and the key proves each."""
    found = written(tmp_path / "a", clock, signer)
    assert [head.segment for head in found] == [number for number, _ in segments.segments(tmp_path / "a")]
    assert len(found) > 2
    assert found[0].first == 1
    assert all(one.last + 1 == other.first for one, other in itertools.pairwise(found))
    assert found[-1].hash == segments.read_head(tmp_path / "a").hash
    assert all(signer.verifier.proves(head) for head in found)
    assert kinds(tmp_path / "a", signing.Verifier.read(tmp_path / "key.pem")) == []


@pytest.mark.parametrize("name", ["segment", "first", "last", "hash", "time", "key"])
def test_a_signature_is_for_every_field(tmp_path, clock, signer, name):
    """A line in which one field is another is not proved."""
    head = written(tmp_path / "a", clock, signer)[0]
    value = getattr(head, name)
    other = dataclasses.replace(head, **{name: value + 1 if isinstance(value, int) else value[:-1] + "x"})
    data = heads.line(other, None).replace(b'"key":null', b'"key":"%b"' % other.key.encode())
    data = data.rstrip().replace(b'"signature":null', b'"signature":"%b"' % head.signature.encode())
    forged = signing.parse(data, heads.SegmentHead)
    assert getattr(forged, name) == getattr(other, name)
    assert forged.signature == head.signature
    assert not signer.verifier.proves(forged)


def test_a_head_of_another_key_or_of_none_is_damage(tmp_path, clock, signer):
    """Whoever can write the files and has no key cannot make heads."""
    other = signing.Signer.create(tmp_path / "other.pem")
    written(tmp_path / "a", clock, other)
    assert set(kinds(tmp_path / "a", signer.verifier)) == {("head", n) for n, _ in segments.segments(tmp_path / "a")}
    assert kinds(tmp_path / "a", signer.verifier, other.verifier) == []
    written(tmp_path / "b", clock, None)
    assert ("head", 1) in kinds(tmp_path / "b", signer.verifier)
    assert kinds(tmp_path / "b") == []


def test_a_trail_written_anew_does_not_fit_its_heads(tmp_path, clock, signer):
    """A sound chain with other contents under the old heads is damage in each segment."""
    directory = tmp_path / "a"
    found = written(directory, clock, signer)
    kept = (directory / heads.HEADS).read_bytes()
    written(tmp_path / "b", clock, None, count=13)
    for _, path in segments.segments(tmp_path / "b"):
        (directory / path.name).write_bytes(path.read_bytes())
    (directory / "head").write_bytes((tmp_path / "b" / "head").read_bytes())
    (directory / heads.HEADS).write_bytes(kept)
    assert ("head", found[0].segment) in kinds(directory, signer.verifier)
    (directory / heads.HEADS).write_bytes((tmp_path / "b" / heads.HEADS).read_bytes())
    assert kinds(directory) == []
    copy = {head.last: head.hash for head in found}
    assert ("anchor", 1) in kinds(directory, anchors=copy)


def test_missing_heads_are_damage(tmp_path, clock, signer):
    """A head that was taken out, or the whole file, is missed for every segment but the one that may be open."""
    directory = tmp_path / "a"
    found = written(directory, clock, signer)
    lines = (directory / heads.HEADS).read_bytes().splitlines(keepends=True)
    (directory / heads.HEADS).write_bytes(lines[0] + b"".join(lines[2:]))
    assert kinds(directory, signer.verifier) == [("head", 3)]  # seen where the third begins
    (directory / heads.HEADS).unlink()
    assert [kind for kind, _ in kinds(directory, signer.verifier)] == ["head"] * (len(found) - 1)


def test_a_crash_before_the_head_is_made_good(tmp_path, clock, signer, monkeypatch):
    """Killed after a segment was closed, before its head was written, or within it: the next start writes it."""
    for torn in (b"", b'{"segment":1,"fi'):
        directory = tmp_path / f"a{len(torn)}"
        trail = Trail.open(directory, clock=clock, signer=signer)
        with monkeypatch.context() as patch:
            patch.setattr(Medium, "note_head", lambda _: None)
            trail.close()
        (directory / heads.HEADS).write_bytes(torn)
        Trail.open(directory, clock=clock, signer=signer).close()
        read = heads.read(directory / heads.HEADS)
        assert [head.segment for head in read.found] == [1, 2]
        assert (read.torn, read.altered) == (1 if torn else 0, [])
        report = reader.verified(directory, keys=[signer.verifier])
        assert report.intact
        assert any("a crash has torn" in note for note in report.notes) == bool(torn)


def test_a_full_disk_delays_the_head(tmp_path, clock, signer, monkeypatch):
    """When the head cannot be written no new segment is begun; when it can, both are."""
    directory = tmp_path / "a"
    trail = Trail.open(directory, segment_bytes=400, clock=clock, signer=signer)
    real = heads.append

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(heads, "append", full)
    trail.append(b'"event":"reloaded","reason":"%b"' % (b"x" * 400))
    trail.flush()
    for _ in range(2):
        with pytest.raises(AuditUnavailable, match="No space left"):
            trail.append(b'"event":"reloaded","reason":"next"')
    monkeypatch.setattr(heads, "append", real)
    trail.append(b'"event":"reloaded","reason":"next"')
    trail.close()
    assert [head.segment for head in heads.read(directory / heads.HEADS).found] == [1, 2]
    assert reader.verified(directory, keys=[signer.verifier]).intact


def test_an_old_segment_is_closed(tmp_path, clock):
    """A segment ends with its day, however small it is."""
    trail = Trail.open(tmp_path / "a", segment_seconds=3600, clock=clock)
    for _ in range(6):
        clock.now += 1800 * 1_000_000_000
        trail.append(b'"event":"reloaded"')
        trail.flush()
    trail.close()
    assert [head.segment for head in heads.read(tmp_path / "a" / heads.HEADS).found] == [1, 2, 3]
    assert kinds(tmp_path / "a") == []


def test_keys_are_read_as_what_they_are(tmp_path, signer):
    """A public file proves what the private one signs; other files are refused with a reason."""
    (tmp_path / "public.pem").write_text(signer.verifier.pem)
    assert signing.Verifier.read(tmp_path / "public.pem").id == signer.verifier.id
    assert signing.Signer.read(tmp_path / "key.pem").verifier.id == signer.verifier.id
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    with pytest.raises(signing.KeyFileError, match="not a private key"):
        signing.Signer.read(tmp_path / "public.pem")
    (tmp_path / "text").write_text("no key")
    for read in (signing.Signer.read, signing.Verifier.read):
        with pytest.raises(signing.KeyFileError, match="not a"):
            read(tmp_path / "text")
    with pytest.raises(FileExistsError):
        signing.Signer.create(tmp_path / "key.pem")
