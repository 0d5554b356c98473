"""Commands about the data sets."""


def test_the_sets_that_ship_are_listed(call):
    out = call("data", "list").stdout
    assert "scans/" in out and "Apache-2.0" in out


def test_what_ships_is_as_the_manifest_says(call):
    assert "as the manifest says" in call("data", "verify").stdout


def test_rendering_explains_mistakes(call, tmp_path):
    wrong = call("data", "render", "toasters", "--out", tmp_path, code=1).stderr
    assert "no rendered set 'toasters'" in wrong and "shelves" in wrong
