import pytest

from cvbook.worlds.people import looks, persons


def test_a_person_stays_the_same_and_a_look_changes():
    who = persons.person(0, 11)
    assert who == persons.person(0, 11) != persons.person(1, 11)
    first, second = (looks.look(0, who, i) for i in (0, 1))
    assert first == looks.look(0, who, 0)
    assert first.truth["identity"] == second.truth["identity"] == 11
    assert first.truth["eyes"] == second.truth["eyes"]
    assert abs(first.truth["years"] - second.truth["years"]) <= 6
    assert first.body["pose"] != second.body["pose"]
    for name in ("nose-hump-incr", "chin-width-incr"):
        before, after = (look.body["local"][name] for look in (first, second))
        assert after == pytest.approx(before, rel=0.3, abs=0.02)
