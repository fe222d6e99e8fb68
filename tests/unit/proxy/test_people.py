"""People: what several places know of somebody is put together, kept for its time, and no longer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from policies.model import AttributeValue
from proxy.context import NotKnown, Unmet
from proxy.identity import Users
from proxy.people import RETRY_SECONDS, People
from proxy.proof import DATABASE, PASSWORD, Proof
from proxy.sources.source import Keeping, SourceFailed

LIFETIME, GRACE = 60.0, 100.0


class Place:
    """A source in memory that counts what it is asked, and may be down, or slow."""

    def __init__(self, **people: dict[str, AttributeValue]) -> None:
        self.people = people
        self.asked: list[str] = []
        self.down = False
        self.open = asyncio.Event()
        self.open.set()

    async def find(self, person: str) -> Any:
        """Answer."""
        self.asked.append(person)
        await self.open.wait()
        if self.down:
            raise SourceFailed("down")
        return self.people.get(person)

    async def close(self) -> None:
        """Nothing to let go of."""


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def users(tmp_path: Path) -> Users:
    """Tina of the file."""
    path = tmp_path / "users.yaml"
    path.write_text("users: {tina: {role: teller}, bob: {}}\n")
    return Users.load(path)


def people_of(users: Users, clock: Clock, *places: Place, required: bool = False, own: bool = True) -> People:
    """People with sources a, b, ..."""
    kept = [Keeping(name, place, LIFETIME, GRACE, required) for name, place in zip("abc", places, strict=False)]
    return People(users, kept, own=own, clock=clock, now=clock)


async def settle() -> None:
    """Let what has begun go on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_first_that_says_anything_decides(users: Users, clock: Clock) -> None:
    """The users file, then the proof, then the sources in their order, for each attribute by itself."""
    a = Place(tina={"role": "auditor", "region": "east", "floor": 1})
    b = Place(tina={"region": "west", "roles": ("x",), "floor": 2, "shift": "late"})
    people = people_of(users, clock, a, b)
    portrait = await people.arrived("tina", Proof("password", {"role": "boss", "floor": 3}))
    assert portrait.attributes == {"role": "teller", "floor": 3, "region": "east", "roles": ("x",), "shift": "late"}
    assert portrait.origins == {"role": "users file", "floor": "password", "region": "a", "roles": "b", "shift": "b"}


async def test_an_answer_holds_for_its_lifetime_and_is_asked_for_once_at_a_time(users: Users, clock: Clock) -> None:
    """Many who log in as one person ask once, and nobody asks again before the lifetime is over."""
    place = Place(tina={"region": "east"})
    people = people_of(users, clock, place)
    await asyncio.gather(*(people.meet("tina") for _ in range(20)))
    clock.now += LIFETIME - 1
    await people.meet("tina")
    assert place.asked == ["tina"]
    clock.now += 1
    await people.meet("tina")
    assert place.asked == ["tina", "tina"]


async def test_those_with_sessions_are_kept_up_to_date(users: Users, clock: Clock) -> None:
    """At the end of the lifetime they are asked for again; the revision grows only when something is known otherwise."""
    place = Place(tina={"region": "east"})
    people = people_of(users, clock, place)
    await people.arrived("tina", PASSWORD)
    people.hold("tina")
    before = people.revision
    for _ in range(2):
        clock.now += LIFETIME
        people.refresh()
        await settle()
        people.refresh()
    assert (people.revision, len(place.asked)) == (before, 3)
    place.people["tina"] = {"region": "west"}
    clock.now += LIFETIME
    people.refresh()
    await settle()
    people.refresh()
    assert people.revision == before + 1
    assert people.attributes("tina") == {"role": "teller", "region": "west"}
    people.release("tina")
    clock.now += LIFETIME
    people.refresh()
    await settle()
    assert len(place.asked) == 4


async def test_a_source_that_is_down_is_believed_until_the_grace_is_over(users: Users, clock: Clock) -> None:
    """What it has said holds until then; then nothing of it does, and whoever has a session may not go on."""
    place = Place(tina={"region": "east"})
    people = people_of(users, clock, place)
    await people.arrived("tina", PASSWORD)
    people.hold("tina")
    place.down = True
    clock.now += LIFETIME + GRACE - 1
    people.refresh()
    await settle()
    assert (await people.arrived("tina", PASSWORD)).attributes["region"] == "east"
    assert people.ending("tina", PASSWORD) is None
    clock.now += 1
    before = people.revision
    people.refresh()
    assert people.revision == before + 1
    with pytest.raises(Unmet):
        people.attributes("tina")
    ending = people.ending("tina", PASSWORD)
    assert ending is not None
    assert (ending.sqlstate, ending.message) == (
        "57P03",
        "louver: what a knows of tina is too old, and it gives no answer",
    )
    with pytest.raises(NotKnown, match="what a knows of tina cannot be looked up at this time"):
        await people.arrived("tina", PASSWORD)


async def test_a_source_that_has_just_failed_is_left_in_peace(users: Users, clock: Clock) -> None:
    """A login does not wait for it to fail once more; some seconds later it is asked again."""
    place = Place(bob={"region": "east"})
    place.down = True
    people = people_of(users, clock, place)
    for _ in range(3):
        with pytest.raises(NotKnown):
            await people.arrived("bob", PASSWORD)
    assert len(place.asked) == 1
    place.down = False
    clock.now += RETRY_SECONDS
    assert (await people.arrived("bob", PASSWORD)).attributes == {"region": "east"}


async def test_a_slow_source_holds_up_nobody_whom_it_has_known(users: Users, clock: Clock) -> None:
    """A look-up is a task of its own: what is at hand is answered from it, and one who hangs is asked for once."""
    place = Place(tina={"region": "east"})
    people = people_of(users, clock, place)
    await people.arrived("tina", PASSWORD)
    people.hold("tina")
    place.open.clear()
    clock.now += LIFETIME
    for _ in range(3):
        people.refresh()
        await settle()
        assert people.attributes("tina") == {"role": "teller", "region": "east"}
    assert len(place.asked) == 2
    await people.close()


async def test_all_who_have_sessions_are_asked_for_in_their_time(users: Users, clock: Clock) -> None:
    """A source that answers is asked some at a time, but for all of them, however many."""
    place = Place()
    people = people_of(users, clock, place)
    for number in range(1000):
        people.hold(f"t{number}")
    people.refresh()
    async with asyncio.timeout(30):
        while len(place.asked) < 1000:  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(0.01)
    assert len(set(place.asked)) == len(place.asked) == 1000


async def test_who_is_known_otherwise_between_login_and_session_is_so_in_it(users: Users, clock: Clock) -> None:
    """The database is entered in between, and another session of hers may have had the news by then."""
    place = Place(tina={"region": "east"})
    people = people_of(users, clock, place)
    arrived = await people.arrived("tina", PASSWORD)
    people.hold("tina")
    place.people["tina"] = {"region": "west"}
    clock.now += LIFETIME
    people.refresh()
    await settle()
    people.refresh()
    opening = people.opening("tina", PASSWORD, arrived)
    assert (arrived.attributes["region"], opening.attributes["region"]) == ("east", "west")
    place.down = True
    clock.now += LIFETIME + GRACE
    people.refresh()
    assert people.opening("tina", PASSWORD, opening) is opening


async def test_one_source_that_is_down_asks_for_one_person_at_a_time(users: Users, clock: Clock) -> None:
    """A thousand who have sessions are not a thousand look-ups that time out."""
    place = Place()
    people = people_of(users, clock, place)
    for number in range(1000):
        people.hold(f"t{number}")
    place.down = True
    people.refresh()
    await settle()
    asked = len(place.asked)
    assert asked <= 8
    clock.now += RETRY_SECONDS
    people.refresh()
    await settle()
    assert len(place.asked) == asked + 1


async def test_whom_a_source_has_to_know_may_not_come_in_without(users: Users, clock: Clock) -> None:
    """And who is taken out of it may not go on."""
    place = Place(tina={})
    people = people_of(users, clock, place, required=True)
    with pytest.raises(NotKnown, match="bob is not known where everybody has to be") as refused:
        await people.arrived("bob", PASSWORD)
    assert refused.value.sqlstate == "28000"
    await people.arrived("tina", PASSWORD)
    people.hold("tina")
    del place.people["tina"]
    clock.now += LIFETIME
    people.refresh()
    await settle()
    people.refresh()
    ending = people.ending("tina", PASSWORD)
    assert ending is not None
    assert (ending.sqlstate, ending.message) == ("28000", "louver: a does not know tina any more")


async def test_who_is_taken_out_of_the_users_file_may_not_go_on(users: Users, clock: Clock, tmp_path: Path) -> None:
    """That goes for those whose password stood there; a role of the database's goes on without attributes."""
    people = people_of(users, clock)
    assert people.ending("tina", PASSWORD) is None
    (tmp_path / "users.yaml").write_text("users: {bob: {}}\n# changed\n")
    people.refresh()
    ending = people.ending("tina", PASSWORD)
    assert ending is not None
    assert "the users file has no user tina any more" in ending.message
    assert people_of(users, clock, own=False).ending("tina", DATABASE) is None


async def test_a_proof_that_has_expired_ends_the_session(users: Users, clock: Clock) -> None:
    """At the very second."""
    people = people_of(users, clock)
    proof = Proof("password", ends=clock.now + 10, hint="Get a new one.", expires="token")
    clock.now += 9.9
    assert people.ending("tina", proof) is None
    clock.now += 0.1
    ending = people.ending("tina", proof)
    assert ending is not None
    assert (ending.sqlstate, ending.hint) == ("28000", "Get a new one.")
