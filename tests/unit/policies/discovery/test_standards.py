"""The packs: each is complete and right, and a house's own is checked."""

import pytest

from policies.discovery.lexicon import ENGLISH
from policies.discovery.standards import PackError, grade, load_pack, pack_names


@pytest.mark.parametrize("name", pack_names())
def test_every_pack_that_comes_along_loads(name):
    """Each category is one that discovery knows, and has its source."""
    pack = load_pack(name)
    assert pack.grades
    for category, each in pack.grades.items():
        assert category in ENGLISH
        assert 1 <= each.level <= 5
        assert each.source


def test_the_standards_put_data_where_they_say():
    """What authenticates is C3, what identifies is C2; track data is sensitive authentication data; health is special."""
    jrt = load_pack("jrt-0171")
    assert {jrt.grades[c].class_ for c in ("secret", "pin", "card_code", "card_track", "biometric")} == {"C3"}
    assert {jrt.grades[c].class_ for c in ("phone", "id_card", "bank_card", "balance")} == {"C2"}
    assert load_pack("pci-dss").grades["card_track"].class_ == "sensitive authentication data"
    assert "email" not in load_pack("pci-dss").grades
    assert load_pack("gdpr").grades["health"].source == "Article 9(1)"
    missing = set(ENGLISH) - set(load_pack("jrt-0197").grades)
    assert missing == set()


def test_of_several_packs_the_highest_level_counts():
    """The first of equals; none where none speaks."""
    both = (load_pack("jrt-0171"), load_pack("pci-dss"))
    found = grade("bank_card", both)
    assert found is not None
    assert (found.level, found.standard) == (4, "PCI DSS v4.0")
    assert str(grade("phone", both)) == "JR/T 0171-2020 C2 (clause 4)"
    assert grade("phone", both[1:]) is None


def test_a_pack_of_ones_own(tmp_path):
    """A file by its path is a pack; its mistakes are told with their place."""
    path = tmp_path / "house.yaml"
    path.write_text("version: 1\ntitle: House\ncategories:\n  phone: {level: 5}\n", encoding="utf-8")
    assert str(load_pack(str(path)).grades["phone"]) == "House level 5"
    path.write_text(
        "version: 2\ntitle: House\ncategories:\n  fone: {level: 5}\n  email: {level: 9}\n", encoding="utf-8"
    )
    with pytest.raises(PackError) as failed:
        load_pack(str(path))
    assert [problem.line for problem in failed.value.problems] == [1, 4, 5]
    with pytest.raises(PackError, match="packs are gdpr, jrt-0171"):
        load_pack("hipaa")
