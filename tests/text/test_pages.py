from cvbook.text import pages


def test_page_truth_is_on_the_page_and_texts_match():
    for i in range(6):
        page = pages.make_page(0, i, 0.3, size=(320, 320))
        assert len(page.texts) == len(page.edges) == len(page.lines) > 0
        h, w = page.image.shape[:2]
        for text, outline in page.lines:
            assert len(outline) == 2 * (len(text) + 1)
            assert (outline > -3).all() and (outline < [w + 3, h + 3]).all()
        assert " ".join(w for w, _ in page.words).split() == " ".join(page.texts).split()


def test_no_page_number_fails():
    for i in range(150):
        pages.make_page(9, i, size=(128, 160))


def test_pages_of_short_texts_and_all_others_as_they_were():
    """None or all: with none the pages are those of before, with all they hold short texts only."""
    for i in range(8):
        plain, none, every = (
            pages.make_page(4, i, 0.2, size=(320, 320), **given)
            for given in ({}, {"short": 0.0}, {"short": 1.0})
        )
        assert (plain.image == none.image).all() and plain.texts == none.texts
        assert max(map(len, every.texts), default=0) < 30 and every.texts != plain.texts
    lone = [pages.make_page(4, i, 0.2, size=(320, 320), short=1.0).texts for i in range(30)]
    assert sum(len(texts) <= 6 for texts in lone) >= 5  # some pages hold next to nothing
    assert sum(len(t) == 1 for texts in lone for t in texts) > 20
