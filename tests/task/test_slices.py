import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cvbook.task.slices import Slice, images_needed, slice_table, worst_slices


def test_independent_shares_have_wilsons_interval():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"right": (rng.random(400) < 0.8).astype(float), "old": rng.random(400) < 0.3}
    )
    out = slice_table(table, [Slice("old", lambda t: t["old"])], "right").set_index("name")
    for name, part in (("all", table), ("old", table[table["old"]])):
        low, high = stats.binomtest(int(part["right"].sum()), len(part)).proportion_ci(
            method="wilson"
        )
        assert out.loc[name, ["mean", "low", "high"]].tolist() == pytest.approx(
            [part["right"].mean(), low, high], abs=2e-3
        )
    assert out.loc["old", "gap"] == pytest.approx(
        table["right"][table["old"]].mean() - table["right"][~table["old"]].mean()
    )
    assert np.isnan(out.loc["all", "gap"])


def test_intervals_of_clustered_cases_cover_the_truth():
    """Ten cases per identity that are nearly alike: taking them as independent would cover far less than 95 %."""
    hits, naive = 0, 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        level = np.repeat(rng.normal(size=40), 10)
        table = pd.DataFrame(
            {"error": 5 + level + 0.3 * rng.normal(size=400), "who": np.repeat(np.arange(40), 10)}
        )
        a = slice_table(table, [], "error", "who").iloc[0]
        b = slice_table(table, [], "error").iloc[0]
        hits, naive = hits + (a["low"] < 5 < a["high"]), naive + (b["low"] < 5 < b["high"])
    assert 0.91 < hits / 300 < 0.98 and naive / 300 < 0.6


def test_what_cannot_be_measured_says_so():
    table = pd.DataFrame({"v": [1.0, 0, 1, np.nan, np.nan], "k": [0, 1, 1, 2, 3], "i": range(5)})
    slices = [
        Slice("none", lambda t: t["i"] > 9),
        Slice("one", lambda t: t["i"] == 0),
        Slice("lost", lambda t: t["i"] > 2),
        Slice("some", lambda t: t["i"] > 0),
        Slice("k1", lambda t: t["k"] == 1),
    ]
    out = slice_table(table, slices, "v", "k").set_index("name")
    assert out["note"].to_dict() == {
        "all": "2 values are missing",
        "none": "empty",
        "one": "a single case",
        "lost": "all 2 values are missing",
        "some": "a single cluster",
        "k1": "a single cluster",
    }
    assert np.isnan(out.loc["none", "mean"])
    assert out.loc["one", "mean"] == 1
    assert np.isnan(out.loc["one", "low"])


def test_everything_right_is_not_certainty():
    table = pd.DataFrame({"v": np.ones(20), "k": np.arange(20)})
    row = slice_table(table, [], "v").iloc[0]
    assert row["mean"] == 1
    assert row["low"] == pytest.approx(
        stats.binomtest(20, 20).proportion_ci(method="wilson").low, abs=1e-6
    )


def test_bad_tables_are_refused():
    table = pd.DataFrame({"v": [1.0]})
    with pytest.raises(ValueError, match="no column 'w'"):
        slice_table(table, [], "w")
    with pytest.raises(ValueError, match="no rows"):
        slice_table(table[:0], [], "v")
    with pytest.raises(ValueError, match="True or False"):
        slice_table(table, [Slice("x", lambda t: t["v"])], "v")


def attributes(seed, bad=0.0, n=3000):
    rng = np.random.default_rng(seed)
    t = pd.DataFrame({c: rng.choice(list("abcde"), n) for c in ("light", "age", "camera")})
    p = 0.9 - bad * ((t["light"] == "a") & (t["age"] == "b"))
    return t.assign(right=(rng.random(n) < p).astype(float))


def test_the_search_finds_a_planted_pair():
    found = worst_slices(attributes(0, bad=0.4), ["light", "age", "camera"], "right")
    assert found.loc[0, "name"] == "light = a, age = b"
    assert found.loc[0, "p_holm"] < 1e-4
    assert found.attrs["looks"] == 15 + 75


def test_the_search_is_not_fooled_by_its_own_number_of_looks():
    false = [
        worst_slices(attributes(seed), ["light", "age", "camera"], "right") for seed in range(60)
    ]
    # uncorrected, nearly every search finds something
    assert np.mean([(f["p"] < 0.05).any() for f in false]) > 0.7
    assert np.mean([(f["p_holm"] < 0.05).any() for f in false]) < 0.12


def people(seed):
    """Sixty people, thirty cases each, who differ among themselves and not by what is known of them."""
    rng = np.random.default_rng(seed)
    who, skill = np.repeat(np.arange(60), 30), rng.beta(8, 2, 60)
    t = pd.DataFrame(
        {c: rng.choice(list("abcd"), 60)[who] for c in ("hair", "age", "skin")} | {"who": who}
    )
    return t.assign(right=(rng.random(len(who)) < skill[who]).astype(float))


def test_a_few_people_who_fare_badly_are_not_a_finding():
    found = [
        worst_slices(people(seed), ["hair", "age", "skin"], "right", "who") for seed in range(80)
    ]
    assert np.mean([(f["p_holm"] < 0.05).any() for f in found]) < 0.15


def test_errors_are_worse_when_larger():
    t = attributes(1)
    t["error"] = np.where(t["light"] == "c", 3.0, 1.0) + np.random.default_rng(0).normal(
        size=len(t)
    )
    assert (
        worst_slices(t, ["light", "age"], "error", larger_is_better=False).loc[0, "name"]
        == "light = c"
    )


def test_a_search_with_nothing_large_enough_is_empty():
    found = worst_slices(attributes(0, n=40), ["light", "age"], "right", least=30)
    assert len(found) == 0 and found.attrs["looks"] == 0


@pytest.mark.parametrize(("share", "half"), [(0.5, 0.05), (0.9, 0.02), (0.99, 0.005), (1.0, 0.01)])
def test_images_needed_is_the_smallest_number(share, half):
    n = images_needed(share, half)

    def width(n):
        low, high = stats.binomtest(round(n * share), n).proportion_ci(method="wilson")
        return (high - low) / 2

    assert width(n) == pytest.approx(half, rel=0.02) and width(int(0.9 * n)) > half
    with pytest.raises(ValueError, match="between 0 and 1"):
        images_needed(1.2, 0.1)
