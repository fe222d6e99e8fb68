"""Sealed texts: only their reader opens them, nothing of them can be changed or moved, and each segment is enough by itself."""

import json
import shutil
from base64 import b64decode
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from audit import compaction, query, reader, record, segments, tables
from audit.opening import CannotOpen, Opener, TextKey
from audit.sealing import KEY_SECONDS, Reader, Sealer
from audit.search import Entry
from audit.signing import KeyFileError
from audit.writer import Trail

SECRET = b"SELECT '13812345678' -- whispered"


class Sealed:
    """A trail with a sealer, its reader's key, and a clock to be moved."""

    def __init__(self, directory, segment_bytes=1 << 20):
        self.now = 0.0
        self.directory = directory / "audit"
        self.key = TextKey.create(directory / "auditor.pem")
        (directory / "public.pem").write_text(self.key.public)
        self.trail = Trail.open(self.directory, segment_bytes=segment_bytes)
        self.sealer = Sealer([Reader.read(directory / "public.pem")], self.trail, lambda: self.now)

    def seal(self, text, session="s1", number=1):
        """Seal a text, and give a record of a statement that has it."""
        return {
            "event": "statement",
            "session": session,
            "statement": number,
            "sealed": self.sealer.seal(session, number, text).decode(),
        }

    def write(self, text, caller, judgement, number):
        """Append a statement as the proxy does."""
        sealed = self.sealer.seal(caller.session, number, text)
        self.trail.append(record.statement_sealed(record.statement_prefix(caller, judgement), number, sealed))
        self.trail.flush()

    def keys(self):
        """The records of data keys."""
        self.trail.flush()
        return [each for each in reader.records(self.directory) if each["event"] == "text_key"]

    def opener(self, key=None):
        """What opens its texts."""
        self.trail.flush()
        return Opener(key or self.key, lambda name: reader.text_key(self.directory, name))


def test_each_of_several_readers_opens_all(tmp_path, caller, judgement):
    """By a key alone; the data key's name is of all that is wrapped, so none of it can be changed, exchanged or left out."""
    keys = [TextKey.create(tmp_path / f"{number}.pem") for number in range(3)]
    for number, key in enumerate(keys):
        (tmp_path / f"{number}.public").write_text(key.public)
    readers = [Reader.read(tmp_path / f"{number}.public") for number in range(3)]
    log = Trail.open(tmp_path / "audit")
    sealer = Sealer(readers, log)
    text = sealer.seal(caller.session, 1, SECRET)
    log.append(record.statement_sealed(record.statement_prefix(caller, judgement), 1, text))
    log.close()
    (told,) = [each for each in reader.records(tmp_path / "audit") if each["event"] == "text_key"]
    assert [told["reader"], *(each["reader"] for each in told["others"])] == [key.id for key in keys]
    statement = {"event": "statement", "session": caller.session, "statement": 1, "sealed": text.decode()}
    for key in keys:
        assert Opener(key, {told["key"]: told}.get).text(statement) == SECRET.decode()
    first, second = told["others"]
    for changed in (
        {**told, "others": [first]},
        {**told, "others": [second, first]},
        {**told, "others": [first, {**second, "wrapped": told["wrapped"]}]},
        {**told, "others": [first, {**second, "wrapped": "!"}]},
        {**told, "wrapped": first["wrapped"]},
    ):
        with pytest.raises(CannotOpen, match="was altered"):
            keys[0].unwrap(changed)
    for odd in ("x", [1], None, {}):
        with pytest.raises(CannotOpen, match="was altered"):
            keys[0].unwrap({**told, "others": odd})
    with pytest.raises(CannotOpen, match=f"for key {keys[0].id} and {keys[1].id} and {keys[2].id}, and this is key"):
        TextKey.create(tmp_path / "other.pem").unwrap(told)


@pytest.fixture
def sealed(tmp_path):
    """A trail that is open."""
    made = Sealed(tmp_path)
    yield made
    made.trail.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One for all examples."""
    made = Sealed(tmp_path_factory.mktemp("sealed"))
    yield made
    made.trail.close()


@given(st.binary(max_size=200), st.text(max_size=20), st.integers(0, 10**12))
def test_its_reader_opens_what_was_sealed(shared, text, session, number):
    """Any bytes, of any session and statement; what is no UTF-8 shows as escapes."""
    made = shared.seal(text, session, number)
    assert shared.opener().text(made) == text.decode(errors="backslashreplace")


@given(st.data())
def test_any_changed_character_is_refused(shared, data):
    """Of the name of the key, the nonce, the text and its tag: another character, one less, one more."""
    made = shared.seal(SECRET)
    opener = shared.opener()
    value = made["sealed"]
    at = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda each: each != value[at]))
    for changed in (value[:at] + other + value[at + 1 :], value[:at] + value[at + 1 :], value[:at] + "A" + value[at:]):
        if changed != value:
            with pytest.raises(CannotOpen):
                opener.text({**made, "sealed": changed})
    assert opener.text(made) == SECRET.decode()


@pytest.mark.parametrize(
    "other", [{"session": "s2"}, {"statement": 2}, {"session": None}, {"statement": "1"}, {"sealed": 1}]
)
def test_a_text_belongs_to_its_record(sealed, other):
    """It cannot be moved to another statement or session."""
    made = sealed.seal(SECRET)
    with pytest.raises(CannotOpen, match="not as it was written"):
        sealed.opener().text({**made, **other})


def test_another_key_says_so(sealed, tmp_path):
    """It names both keys, and shows nothing; so it does for each text, and is counted."""
    other = TextKey.create(tmp_path / "other.pem")
    entry = Entry({**sealed.seal(SECRET), "text": "SELECT ? --?"})
    opener = sealed.opener(other)
    opened, again = opener.entries([entry, entry])
    assert opened.record["text"] == "SELECT ? --?"
    assert "sealed" not in opened.record
    why = f"it is sealed for key {sealed.key.id}, and this is key {other.id}"
    assert opened.record["unopened"] == again.record["unopened"] == why
    assert opener.unopened == {why: 2}


def test_an_opened_entry_has_both_texts(sealed):
    """What was sent, and what stands in the clear."""
    made = Entry({**sealed.seal(SECRET), "text": "SELECT ? --?"}, {"event": "outcome", "status": "ok"})
    opened = sealed.opener().entry(made)
    assert (opened.record["text"], opened.record["scrubbed"]) == (SECRET.decode(), "SELECT ? --?")
    assert opened.status == "ok"
    plain = Entry({"event": "statement", "text": "x"})
    assert sealed.opener().entry(plain) is plain


def test_the_record_of_a_key_cannot_be_altered(sealed):
    """Every byte of what is wrapped counts; without the record nothing is opened."""
    made = sealed.seal(SECRET)
    (told,) = sealed.keys()
    wrapped = told["wrapped"]
    for at in range(len(wrapped)):
        changed = {**told, "wrapped": wrapped[:at] + ("A" if wrapped[at] != "A" else "B") + wrapped[at + 1 :]}
        with pytest.raises(CannotOpen, match="altered"):
            Opener(sealed.key, lambda _, changed=changed: changed).text(made)
    with pytest.raises(CannotOpen, match="missing"):
        Opener(sealed.key, lambda _: None).text(made)
    with pytest.raises(CannotOpen, match="altered"):
        Opener(sealed.key, lambda _: {**told, "wrapped": None}).text(made)


def test_each_day_and_each_start_has_its_key_and_no_nonce_comes_twice(sealed):
    """Nonces count under each key."""
    nonces = set()
    for moment in (0.0, KEY_SECONDS - 1, KEY_SECONDS, KEY_SECONDS + 1, 3 * KEY_SECONDS):
        sealed.now = moment
        for _ in range(5):
            name, _, data = sealed.seal(SECRET)["sealed"].partition(":")
            nonces.add((name, b64decode(data)[:12]))
    assert len(nonces) == 25
    assert len({name for name, _ in nonces}) == len(sealed.keys()) == 3
    again = Sealer(sealed.sealer._readers, sealed.trail)
    assert again.seal("s1", 1, SECRET)[:16].decode() not in {name for name, _ in nonces}


def test_each_segment_is_enough_by_itself(tmp_path, caller, judgement):
    """Written or compacted, with no other segment beside it, it can be opened; and the trail verifies."""
    sealed = Sealed(tmp_path, segment_bytes=4096)
    for number in range(1, 41):
        if number == 25:
            sealed.now = KEY_SECONDS
        sealed.write(SECRET + b" %d" % number, caller, judgement, number)
    sealed.trail.close()
    paths = [path for _, path in reader.existing(sealed.directory)]
    assert len(paths) > 4
    assert not any(b"13812345678" in path.read_bytes() or b"whispered" in path.read_bytes() for path in paths)
    assert reader.verified(sealed.directory).intact
    opened = []
    for number, path in enumerate(paths, 1):
        alone = tmp_path / f"alone-{number}"
        alone.mkdir()
        for each in (path, sealed.directory / "heads.jsonl", sealed.directory / "head"):
            shutil.copy(each, alone)
        if number % 2:
            assert compaction.compact(alone, number) > 0
            assert reader.existing(alone)[0][1] == segments.compacted_path(alone, number)
        by_lines = Opener(sealed.key, lambda name, alone=alone: reader.text_key(alone, name))
        found = [by_lines.text(each) for each in reader.records(alone) if each["event"] == "statement"]
        with tables.opened([path for _, path in reader.existing(alone)]) as connection:
            by_query = Opener(sealed.key, query.text_keys(connection).get)
            asked = connection.execute("SELECT session, statement, sealed FROM statements ORDER BY seq").fetchall()
        fields = [dict(zip(("session", "statement", "sealed"), each, strict=True)) for each in asked]
        assert [by_query.text(each) for each in fields] == found
        opened += found
    assert opened == [f"{SECRET.decode()} {number}" for number in range(1, 41)]


def test_a_lenient_trail_that_cannot_take_a_key_is_told_it_again(sealed, monkeypatch):
    """Until the key stands there; then texts go on under it."""
    answers = iter([0, 0])
    with monkeypatch.context() as patched:
        patched.setattr(Trail, "stand", lambda *_: next(answers))
        sealed.seal(SECRET)
        sealed.seal(SECRET)
    made = sealed.seal(SECRET)
    assert len(sealed.keys()) == 1
    sealed.seal(SECRET)
    assert len(sealed.keys()) == 1
    assert sealed.opener().text(made) == SECRET.decode()


def test_the_construction_is_that_of_rfc_9180(sealed):
    """Opened by hand, from X25519, HMAC and AES-GCM alone, by sections 4.1, 5.1 and 7.1 of it: others can read it, too."""
    made = sealed.seal(SECRET, "s1", 7)
    (told,) = sealed.keys()
    wrapped = b64decode(told["wrapped"])
    enc, ciphertext = wrapped[:32], wrapped[32:]
    private = load_pem_private_key((sealed.directory.parent / "auditor.pem").read_bytes(), None)
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def extract(suite, salt, label, material):
        mac = HMAC(salt or bytes(32), SHA256())
        mac.update(b"HPKE-v1" + suite + label + material)
        return mac.finalize()

    def expand(suite, key, label, info, length):
        data = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
        return HKDFExpand(SHA256(), length, data).derive(key)

    kem, hpke = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"
    shared = private.exchange(X25519PublicKey.from_public_bytes(enc))
    secret = expand(kem, extract(kem, b"", b"eae_prk", shared), b"shared_secret", enc + public, 32)
    context = (
        b"\0" + extract(hpke, b"", b"psk_id_hash", b"") + extract(hpke, b"", b"info_hash", b"louver audit text key 1")
    )
    scheduled = extract(hpke, secret, b"secret", b"")
    key, nonce = (expand(hpke, scheduled, label, context, size) for label, size in ((b"key", 32), (b"base_nonce", 12)))
    data_key = AESGCM(key).decrypt(nonce, ciphertext, b"")
    content = b64decode(made["sealed"].partition(":")[2])
    assert AESGCM(data_key).decrypt(content[:12], content[12:], b"louver audit text 1\0s1\x007") == SECRET


def test_a_proxy_takes_the_public_half_alone(sealed, tmp_path):
    """A private key where the proxy runs would open what is sealed there; another kind of key seals nothing."""
    with pytest.raises(KeyFileError, match="must not be where the proxy runs"):
        Reader.read(tmp_path / "auditor.pem")
    signing = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "signing.pem").write_bytes(signing)
    (tmp_path / "none.pem").write_text("-----BEGIN")
    for name in ("signing.pem", "none.pem", "missing.pem"):
        with pytest.raises(KeyFileError, match=r"no X25519 key|not a key in PEM"):
            Reader.read(tmp_path / name)
        with pytest.raises(KeyFileError, match="not a private key"):
            TextKey.read(tmp_path / name)
    assert TextKey.read(tmp_path / "auditor.pem").id == sealed.key.id
    assert (tmp_path / "auditor.pem").stat().st_mode & 0o777 == 0o600


def test_a_standing_record_begins_each_segment(sealed):
    """It follows the header, until another takes its place."""
    trail = Trail.open(sealed.directory.parent / "other", segment_bytes=1000)
    for number in range(30):
        if number in {5, 20}:
            trail.stand(record.alert(what="x", grant=number, reason="y"))
        trail.append(record.stopped(reason="x" * 50))
        trail.flush()
    trail.close()
    lines = list(reader.records(sealed.directory.parent / "other"))
    follow = [other.get("grant") for one, other in pairwise(lines) if one["event"] == "segment"]
    assert follow[0] is None
    assert follow[-1] == 20
    assert 5 in follow
    assert json.dumps(lines).count('"grant": 20') > 1
