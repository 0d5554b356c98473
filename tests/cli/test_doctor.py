"""What a machine lacks."""


def test_doctor_names_what_is_missing(monkeypatch):
    from cvbook.cli import doctor

    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    found = " ".join(doctor.problems())
    assert "tesseract is missing" in found and "apt-get install" in found
