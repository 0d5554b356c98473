"""Commands about the data sets."""


def test_the_sets_that_ship_are_listed(call):
    out = call("data", "list").stdout
    assert "scans/" in out and "Apache-2.0" in out


def test_what_ships_is_as_the_manifest_says(call):
    assert "as the manifest says" in call("data", "verify").stdout


def test_rendering_explains_mistakes(call, tmp_path):
    wrong = call("data", "render", "toasters", "--out", tmp_path, code=1).stderr
    assert "no rendered set 'toasters'" in wrong and "shelves" in wrong
    for given in (
        *(("--workers", 0), ("--workers", -1), ("--count", -3), ("--count", 0), ("--first", -1)),
        ("--seed", -1),
    ):
        error = call("data", "render", "crops", "--out", tmp_path, *given, code=2).stderr
        assert "greater than or equal to" in " ".join(error.split()) or "range" in error
        assert "Traceback" not in error
    error = call("data", "render", "crops", "--first", 10**9, "--out", tmp_path, code=1).stderr
    assert error.startswith("There is no picture of crops from 1000000000")
