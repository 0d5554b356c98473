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
