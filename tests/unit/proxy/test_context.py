"""The context of a session: one object for each identity, and no identity that nobody allowed."""

import datetime as dt
from collections import Counter, UserDict
from pathlib import Path

import pytest

from policies.model import Principal, Session
from policies.patterns import NamePattern
from policies.vocabulary import Attribute, Vocabulary
from proxy.context import Context, NotKnown, Unmet
from proxy.declaring import Declaration
from proxy.identity import Users
from rewriter.model import Refusal

VOCABULARY = Vocabulary(attributes={"purpose": Attribute("purpose", values=("care", "sales"))})


class People(UserDict):
    """A directory in memory; `app` may speak for names that begin with t."""

    def __init__(self):
        super().__init__({"tina": {"region": "east"}, "bob": {}})
        self.revision = 1
        self.unmet = set()
        self.held = Counter()
        self.allowed = (NamePattern(None, "t*"),)

    def refresh(self):
        """Nothing changes by itself."""

    def attributes(self, name, brought=None):
        """What is known of somebody."""
        if name in self.unmet:
            raise Unmet(name)
        return self.get(name)

    async def meet(self, person):
        """Everybody can be met but for the shy."""
        if person == "timid":
            raise NotKnown("louver: hr gives no answer", "Try again later.")
        self.unmet.discard(person)

    def hold(self, name):
        """Somebody is asked for."""
        self.held[name] += 1

    def release(self, name):
        """And no more."""
        self.held[name] -= 1

    def suspended(self, name):
        return None

    def speaks_for(self, account):
        """Only the application may speak."""
        return self.allowed if account == "app" else ()


@pytest.fixture
def people():
    return People()


def context(people, account="app"):
    """The context of one who has just logged in."""
    session = Session("bank", "10.0.0.1", "x", "svc", False, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    return Context(Principal(account, {"from": "login"}), lambda: session, people, lambda: VOCABULARY)


def test_an_identity_is_the_same_object_while_nothing_changes(people):
    """Comparing identities tells whether anything was said."""
    made = context(people)
    login = made.identity
    made.hear(b"SELECT 1 /*louver_user='tina'*/")
    tina = made.identity
    assert (tina.account, tina.principal, tina.on_behalf_of) == ("app", Principal("tina", {"region": "east"}), "tina")
    made.hear(b"SELECT 2")
    assert made.identity is login
    made.hear(b"SELECT 3 /*louver_user='tina'*/")
    assert made.identity is tina
    assert made.bare(b"SELECT 3 /*louver_user='tina'*/") == b"SELECT 3 "


def test_what_is_declared_is_in_the_session(people):
    """Conditions get what was declared, until it is taken back."""
    made = context(people, "bob")
    made.declare(Declaration("purpose", "care"))
    assert made.session().declared == {"purpose": "care"}
    made.declare(Declaration("purpose", None))
    assert made.session().declared == {}


@pytest.mark.parametrize(
    ("declared", "sqlstate"),
    [
        (Declaration("purpose", "profit"), "22023"),
        (Declaration("colour", "red"), "42704"),
        (Declaration("colour", None), "42704"),
        (Declaration("user", "tina"), "42501"),
    ],
)
def test_what_is_refused_changes_nothing(people, declared, sqlstate):
    """A refused declaration leaves the identity as it was."""
    made = context(people, "bob")
    before = made.identity
    with pytest.raises(Refusal) as refused:
        made.declare(declared)
    assert (refused.value.sqlstate, made.identity is before) == (sqlstate, True)


def test_people_are_known_as_the_directory_knows_them_now(people):
    """A change in the directory, of attributes or of who may speak, holds from the next refresh on."""
    made = context(people)
    made.declare(Declaration("user", "tina"))
    people["tina"] = {"region": "west"}
    people.revision += 1
    assert made.outdated
    made.refresh()
    assert made.identity.principal.attributes == {"region": "west"}
    people.allowed = ()
    people.revision += 1
    made.refresh()
    assert (made.identity.on_behalf_of, made.identity.principal.attributes, made.speaking) == ("tina", {}, True)
    with pytest.raises(
        Refusal, match="app may not speak for others"
    ):  # nothing is answered for the account in her place
        made.hear(b"SELECT 1")
    made.forget()
    made.hear(b"SELECT 1")
    assert (made.identity.on_behalf_of, made.speaking) == (None, False)


async def test_somebody_who_is_not_at_hand_is_looked_up(people):
    """A statement for somebody of whom a source has to be asked waits for the answer, and is refused without one."""
    made = context(people)
    people.unmet |= {"tina", "timid"}
    with pytest.raises(Unmet, match="tina"):
        made.hear(b"SELECT 1 /*louver_user='tina'*/")
    await made.heard(b"SELECT 1 /*louver_user='tina'*/")
    assert made.identity.principal == Principal("tina", {"region": "east"})
    with pytest.raises(Refusal, match="hr gives no answer") as refused:
        await made.declared(Declaration("user", "timid"))
    assert refused.value.sqlstate == "57P03"
    await made.declared(Declaration("user", "tina"))
    assert made.identity.on_behalf_of == "tina"


async def test_whom_a_session_spoke_for_does_not_become_the_account_itself(people):
    """Of somebody nothing is known any more: what the session sends is refused until it is again."""
    made = context(people)
    made.declare(Declaration("user", "tina"))
    people.unmet.add("tina")
    people.revision += 1
    made.refresh()
    assert made.identity.principal == Principal("tina")
    with pytest.raises(Unmet):
        made.hear(b"SELECT 1")
    await made.heard(b"SELECT 1")
    assert made.identity.principal == Principal("tina", {"region": "east"})


def test_those_spoken_for_are_held_and_let_go(people):
    """The directory keeps up to date whom a session speaks for, as long as it is remembered there, and no longer."""
    made = context(people)
    made.hear(b"SELECT 1 /*louver_user='tina'*/")
    assert +people.held == {"app": 1, "tina": 1}
    made.hear(b"SELECT 2 /*louver_user='tina'*/")
    people.revision += 1
    made.refresh()
    assert +people.held == {"app": 1, "tina": 1}  # the statement at hand is still for her
    people.revision += 1
    made.hear(b"SELECT 3")
    assert +people.held == {"app": 1}
    made.close()
    assert +people.held == {}


def test_a_thousand_users_do_not_fill_the_memory(people):
    """What is kept of identities is bounded."""
    made = context(people)
    for number in range(2500):
        people[f"t{number}"] = {}
        made.hear(b"SELECT 1 /*louver_user='t%d'*/" % number)
        assert made.identity.principal.name == f"t{number}"
    assert len(made._identities) <= 1000


def test_the_users_file_says_who_speaks_for_whom(tmp_path: Path):
    """`speaks_for` is no attribute, and takes names and patterns."""
    path = tmp_path / "users.yaml"
    path.write_text("users: {app: {speaks_for: [t*, anna], role: system}, tina: {region: east}}\n")
    users = Users.load(path)
    assert users.attributes("app") == {"role": "system"}
    assert [p.matches(n) for n in ("tina", "anna", "anne") for p in users.speaks_for("app")] == [
        *(True, False),
        *(False, True),
        *(False, False),
    ]
    assert (users.speaks_for("tina"), users.attributes("nobody")) == ((), None)


def test_a_comment_is_left_out_of_its_own_text_alone(people):
    """What was heard last says nothing of another text, also when nobody listens any more or what it said was refused."""
    made = context(people)
    text = b"SELECT 1 /*louver_user='tina'*/"
    other = b"SELECT phone FROM people"
    made.hear(text)
    assert (made.bare(text), made.bare(other)) == (b"SELECT 1 ", other)
    with pytest.raises(Refusal):
        made.hear(b"SELECT 2 /*louver_user='nobody'*/")
    assert made.bare(other) == other
    made.hear(text)
    people.allowed = ()
    people.revision += 1
    made.refresh()
    assert made.bare(other) == other


def test_whom_a_statement_is_for_outlasts_what_changes_meanwhile(people):
    """People are known otherwise between the hearing of a statement and its ruling: it is still for whom it was for, not for the account."""
    made = context(people)
    made.hear(b"SELECT 1 /*louver_user='tina'*/")
    people.revision += 1
    made.refresh()
    assert made.identity.principal.name == "tina"
    people.revision += 1
    made.hear(b"SELECT 2")
    assert (made.outdated, made.identity.principal.name) == (False, "app")


def test_nobody_speaks_for_who_is_suspended(people):
    """From the next statement on, also where it was heard before; and for the others as before."""
    made = context(people)
    text = b"SELECT 1 /*louver_user='tina'*/"
    made.hear(text)
    people.suspended = lambda name: "tina is suspended" if name == "tina" else None
    people.revision += 1
    with pytest.raises(Refusal, match="tina is suspended"):
        made.hear(text)
