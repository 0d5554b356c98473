"""Running chapters, building pages, telling of claims."""


def test_help_names_every_command(call):
    out = call("--help").stdout
    chapters = ("run", "build", "evidence", "claims", "data", "doctor")
    assert all(name in out for name in (*chapters, "read", "age", "search", "serve"))
    assert "cvbook run 02" in call("run", "--help").stdout


def test_every_claim_is_told(call):
    assert "C1 " in (out := call("claims").stdout) and "C36" in out


def test_run_explains_mistakes(call):
    assert "The chapters are" in call("run", "99", code=1).stderr
    assert "NAME=VALUE" in call("run", "02", "-p", "seed", code=1).stderr
    assert "no parameter sead" in call("run", "02", "-p", "sead=1", code=1).stderr
    assert "choose one of" in call("run", "02", "--profile", "huge", code=1).stderr
