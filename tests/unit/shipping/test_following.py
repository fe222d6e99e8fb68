"""One destination's loop over failures, kills and restarts, with a destination that is made of memory."""

import threading

import pytest
from fixtures.shipped import Written, bodies

from audit import record, segments
from shipping import following, place
from shipping.following import DestinationError, Follower
from shipping.place import PlaceError, Places
from shipping.trail import Place, Sizes, last_seq


class Memory:
    """Takes batches; `fails` lists the sends that fail, before or after they have been taken."""

    pause = 0.01
    exact = True

    def __init__(self, fails=(), records=3):
        self.sizes = Sizes(records=records)
        self.taken = []
        self.fails = dict(fails)
        self.sends = 0
        self.known = None

    def start(self, noted):
        return self.known or noted

    def send(self, batch):
        self.sends += 1
        how = self.fails.get(self.sends)
        if how != "before":
            self.taken.append(batch)
        if how is not None:
            raise DestinationError("gone away")

    def close(self):
        pass


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setattr(following, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(following, "_LONGEST_WAIT", 0.02)


def follower(written, state, destination, *, once=True):
    return Follower("there", written.directory, destination, Places.open(state, "there", "t"), threading.Event(), once)


def ship(written, state, destination):
    """Ship all that is there, as cron would."""
    made = follower(written, state, destination)
    made.run()
    made.places.close()
    return made


def sent(destination):
    return [each.fields["seq"] for batch in destination.taken for each in batch.records]


def test_all_is_shipped_once_and_then_only_what_is_new(written, tmp_path):
    """Over several runs."""
    there = Memory()
    assert ship(written, tmp_path, there).failure is None
    first = len(sent(there))
    assert ship(written, tmp_path, there).sent == 0
    written.add([record.stopped(reason="x")])
    assert ship(written, tmp_path, there).sent == 1
    assert sent(there) == list(range(1, first + 2))


@pytest.mark.parametrize("how", ["before", "after"])
def test_what_may_not_have_arrived_is_sent_again_as_it_was(written, tmp_path, how):
    """In the same batches, so that the destination can tell."""
    there = Memory({2: how, 5: how})
    made = follower(written, tmp_path, there, once=False)
    thread = threading.Thread(target=made.run)
    thread.start()
    while made.places.place.seq < last_seq(written.directory):
        thread.join(0.01)
    made.stop.set()
    thread.join(10)
    ranges = [(batch.first, batch.last) for batch in there.taken]
    assert [range_ for index, range_ in enumerate(ranges) if range_ not in ranges[:index]] == sorted(set(ranges))
    assert sorted(set(sent(there))) == list(range(1, sent(there)[-1] + 1))
    assert len(ranges) - len(set(ranges)) == (2 if how == "after" else 0)
    assert made.failure is None


def test_once_ends_with_the_failure(written, tmp_path):
    """And goes on from there the next time, with what was begun."""
    there = Memory({2: "after"})
    assert ship(written, tmp_path, there).failure == "gone away"
    noted = place.read(tmp_path, "there")
    assert (noted.seq, noted.sending) == (there.taken[0].last, there.taken[1].last)
    there.sizes = Sizes(records=100)
    assert ship(written, tmp_path, there).failure is None
    assert (there.taken[2].first, there.taken[2].last) == (there.taken[1].first, there.taken[1].last)


def test_what_the_destination_knows_counts(written, tmp_path):
    """It may have got more than is noted here, or less."""
    there = Memory(records=1)
    ship(written, tmp_path, there)
    third = there.taken[2].after
    there.taken.clear()
    there.known = third
    ship(written, tmp_path, there)
    assert sent(there)[0] == third.seq + 1


def test_a_damaged_trail_ends_it(written, tmp_path):
    """What is sound has left; the damage is told, and tried but once more."""
    path = segments.segment_path(written.directory, 1)
    path.write_bytes(path.read_bytes().replace(b"INSERT", b"DELETE", 1))
    there = Memory(records=1)
    made = ship(written, tmp_path, there)
    assert "louver audit verify" in made.failure
    assert sent(there) == list(range(1, 8))


def test_records_that_are_gone_are_counted(tmp_path):
    """And the rest is shipped."""
    written = Written(tmp_path / "audit", segment_bytes=4096)
    written.add(bodies())
    segments.segment_path(written.directory, 1).unlink()
    there = Memory()
    made = ship(written, tmp_path, there)
    assert made.gone == there.taken[0].first - 1 > 0
    written.close()


def test_one_process_ships_to_a_destination(tmp_path):
    """A second one is refused, as is the place of another trail."""
    held = Places.open(tmp_path, "there", "t")
    with pytest.raises(PlaceError, match="another process"):
        Places.open(tmp_path, "there", "t")
    held.moved(Place(5, "a" * 64))
    held.close()
    assert (tmp_path / "there.json").stat().st_mode & 0o777 == 0o600
    with pytest.raises(PlaceError, match="place of trail t"):
        Places.open(tmp_path, "there", "other")
    (tmp_path / "there.json").write_text("{")
    with pytest.raises(PlaceError, match="cannot be read"):
        Places.open(tmp_path, "there", "t")


def test_the_name_of_a_trail_is_noted_while_its_first_record_is_there(tmp_path):
    """It stays when that record goes; without a note it has to be given."""
    written = Written(tmp_path / "audit", segment_bytes=4096)
    assert place.noted_trail(tmp_path / "ship", tmp_path / "none") is None
    written.add(bodies())
    name = place.noted_trail(tmp_path / "ship", written.directory)
    segments.segment_path(written.directory, 1).unlink()
    assert place.noted_trail(tmp_path / "ship", written.directory) == name
    with pytest.raises(PlaceError, match=r"ship\.trail"):
        place.noted_trail(tmp_path / "other", written.directory)
    written.close()


def test_a_place_that_cannot_be_kept_ends_it(written, tmp_path, monkeypatch):
    """Rather than sending what cannot be remembered."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(place, "write", full)
    there = Memory()
    assert "No space left" in ship(written, tmp_path, there).failure
    assert there.taken == []
