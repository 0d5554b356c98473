"""The simulated queues against queueing theory, and the labels of their frames."""

from itertools import pairwise

import numpy as np
import pytest

from cvbook.worlds.people.queues import DESKS, frame, simulate


def test_one_desk_waits_as_pollaczek_and_khinchine_say():
    """M/G/1: mean wait = λ·E[S²] / 2(1 − ρ); gamma(4) service has E[S²] = 1.25·E[S]²."""
    customers = simulate(1, 4_000_000, per_minute=1.0, service=36.0, desks=1)
    load = 36 / 60
    expected = (1 / 60) * 1.25 * 36**2 / (2 * (1 - load))
    assert np.mean([c.wait for c in customers]) == pytest.approx(expected, rel=0.03)


def test_customers_are_served_in_order_and_one_at_a_time():
    customers = simulate(2, 6000, 5.0, 33.0)
    for desk in range(DESKS):
        line = [c for c in customers if c.desk == desk]
        assert line
        assert all(a.left <= b.served and a.joined <= b.joined for a, b in pairwise(line))
    assert all(c.joined <= c.served < c.left for c in customers)


def test_little_s_law_holds():
    seconds = 400_000
    customers = simulate(3, seconds, 4.5, 33.0)
    queueing = sum(min(c.served, seconds) - c.joined for c in customers) / seconds
    arrivals = len(customers) / seconds
    assert queueing == pytest.approx(arrivals * np.mean([c.wait for c in customers]), rel=0.02)


@pytest.mark.parametrize(
    "wrong", [{"seconds": 0}, {"seconds": 10, "per_minute": -1}, {"seconds": 10, "service": 0}]
)
def test_impossible_rates_are_refused(wrong):
    with pytest.raises(ValueError, match="must all be positive"):
        simulate(0, **wrong)


def test_a_frame_labels_everybody_and_follows_the_simulation():
    scenes = [frame(0, 2, second) for second in (0.0, 4.0, 40.0)]
    for scene in scenes:
        assert {str(t.label) for t in scene.things if t.label} == set(scene.notes) - {"camera"}
    assert scenes[0].to_json() == frame(0, 2, 0.0).to_json()
    places = [{k: v["place"] for k, v in s.notes.items() if k != "camera"} for s in scenes]
    assert places[0] != places[2]
    waiting = [v for s in scenes for v in s.notes.values() if v.get("role") == "waiting"]
    assert waiting and all(v["place"][1] < -0.3 and v["wait"] > 0 for v in waiting)


def test_a_rush_thins_the_arrivals_and_leaves_a_steady_stream_alone():
    steady = simulate(3, 40_000, 5.0)
    assert steady == simulate(3, 40_000, 5.0, rush=None)
    wave = simulate(3, 40_000, 5.0, rush=lambda t: 1.0 if t > 20_000 else 0.2)
    early, late = (sum((c.joined > 20_000) == side for c in wave) for side in (False, True))
    assert early / (20_000 / 60) == pytest.approx(1.0, rel=0.15)
    assert late / (20_000 / 60) == pytest.approx(5.0, rel=0.15)
