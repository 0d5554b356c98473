import pytest

from cvbook.task import checklist


def test_answers_survive_the_file(tmp_path):
    answers = dict.fromkeys(checklist.QUESTIONS, 'ja: "ö" & <b>\nзима')
    path = checklist.save(answers, tmp_path / "card.yaml")
    assert checklist.load(path) == answers
    assert not checklist.open_questions(answers)
    assert [p.name for p in tmp_path.iterdir()] == ["card.yaml"]


def test_the_page_names_what_is_open_and_escapes_the_rest():
    page = checklist.render({"product": "a <script> & more"}, "Faces")
    assert "&lt;script&gt;" in page and "<script>" not in page
    assert page.count("Not answered") == 12 and "12 of 13 questions are open" in page
    page = checklist.render(dict.fromkeys(checklist.QUESTIONS, "x"), "Faces")
    assert "All questions are answered" in page


def test_wrong_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Not on the checklist: colour"):
        checklist.save({"colour": "blue"}, tmp_path / "card.yaml")
    (tmp_path / "other.yaml").write_text("- a list")
    with pytest.raises(ValueError, match="not a task card"):
        checklist.load(tmp_path / "other.yaml")


def test_the_form_fills_in_and_saves(tmp_path):
    path = checklist.save({"product": "count queues"}, tmp_path / "card.yaml")
    form = checklist.form(path)
    *rows, button, said = form.children
    areas = [w for w in rows if hasattr(w, "placeholder") and type(w).__name__ == "Textarea"]
    assert len(areas) == len(checklist.QUESTIONS) and areas[0].value == "count queues"
    areas[1].value = "a camera above each desk"
    button.click()
    assert checklist.load(path)["input"] == "a camera above each desk"
    assert "Open: output" in said.value
