import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cvbook.task.slices import Slice, images_needed, slice_table, worst_slices


def wilson(right: float, count: int) -> tuple[float, float]:
    interval = stats.binomtest(round(right), count).proportion_ci(method="wilson")
    return interval.low, interval.high


def test_independent_shares_have_wilsons_interval():
    rng = np.random.default_rng(0)
    right, old = (rng.random(400) < 0.8).astype(float), rng.random(400) < 0.3
    table = pd.DataFrame({"right": right, "old": old})
    out = slice_table(table, [Slice("old", lambda t: t["old"])], "right").set_index("name")
    for name, part in (("all", table), ("old", table[table["old"]])):
        expected = [part["right"].mean(), *wilson(part["right"].sum(), len(part))]
        row = out.loc[name, ["mean", "low", "high"]].tolist()
        assert row == pytest.approx(expected, abs=2e-3)
    young, old = table.groupby("old")["right"].mean()
    assert out.loc["old", "gap"] == pytest.approx(old - young)
    assert np.isnan(out.loc["all", "gap"])


def test_intervals_of_clustered_cases_cover_the_truth():
    """Ten cases of an identity are nearly alike: taken as independent they cover far less."""
    hits, naive = 0, 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        error = 5 + np.repeat(rng.normal(size=40), 10) + 0.3 * rng.normal(size=400)
        table = pd.DataFrame({"error": error, "who": np.repeat(np.arange(40), 10)})
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
    assert row["mean"] == 1 and row["low"] == pytest.approx(wilson(20, 20)[0], abs=1e-6)


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
    columns = ["light", "age", "camera"]
    found = [worst_slices(attributes(seed), columns, "right") for seed in range(60)]
    # Uncorrected, nearly every search finds something.
    assert np.mean([(f["p"] < 0.05).any() for f in found]) > 0.7
    assert np.mean([(f["p_holm"] < 0.05).any() for f in found]) < 0.12


def people(seed):
    """Sixty people, thirty cases each, who differ, but not by what is known of them."""
    rng = np.random.default_rng(seed)
    who, skill = np.repeat(np.arange(60), 30), rng.beta(8, 2, 60)
    traits = {c: rng.choice(list("abcd"), 60)[who] for c in ("hair", "age", "skin")}
    right = (rng.random(len(who)) < skill[who]).astype(float)
    return pd.DataFrame(traits | {"who": who, "right": right})


def test_a_few_people_who_fare_badly_are_not_a_finding():
    columns = ["hair", "age", "skin"]
    found = [worst_slices(people(seed), columns, "right", "who") for seed in range(80)]
    naive = [worst_slices(people(seed), columns, "right") for seed in range(20)]
    assert np.mean([(f["p_holm"] < 0.05).any() for f in naive]) > 0.5
    assert np.mean([(f["p_holm"] < 0.05).any() for f in found]) < 0.15


def test_errors_are_worse_when_larger():
    t = attributes(1)
    noise = np.random.default_rng(0).normal(size=len(t))
    t["error"] = np.where(t["light"] == "c", 3.0, 1.0) + noise
    found = worst_slices(t, ["light", "age"], "error", larger_is_better=False)
    assert found.loc[0, "name"] == "light = c"


def test_a_search_with_nothing_large_enough_is_empty():
    found = worst_slices(attributes(0, n=40), ["light", "age"], "right", least=30)
    assert len(found) == 0 and found.attrs["looks"] == 0


@pytest.mark.parametrize(("share", "half"), [(0.5, 0.05), (0.9, 0.02), (0.99, 0.005), (1.0, 0.01)])
def test_images_needed_is_the_smallest_number(share, half):
    n = images_needed(share, half)

    def width(n):
        low, high = wilson(n * share, n)
        return (high - low) / 2

    assert width(n) == pytest.approx(half, rel=0.02) and width(int(0.9 * n)) > half
    with pytest.raises(ValueError, match="between 0 and 1"):
        images_needed(1.2, 0.1)
