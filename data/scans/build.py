"""Cut the real scans of this folder out of the packages they come from.

    python data/scans/build.py FOLDER

FOLDER holds, unpacked: Debian's sources of Leptonica 1.82 and pdf.js 2.14
(`apt-get source leptonlib pdf.js`) and PyPI's source package of OCRmyPDF 17.13
(`pip download --no-deps --no-binary ocrmypdf ocrmypdf`). `page.png` comes with scikit-image. The
transcriptions in scans.json were typed from the pictures by us; letters' case, punctuation and line
breaks as printed.
"""

import sys
from pathlib import Path

import pypdfium2
import skimage
from PIL import Image

HERE = Path(__file__).parent


def find(folder: Path, name: str) -> Path:
    return next(folder.rglob(name))


def main(folder: Path) -> None:
    page = Image.open(Path(skimage.__file__).parent / "data" / "page.png")
    page.convert("L").save(HERE / "page.png", optimize=True)
    Image.open(find(folder, "keystone.png")).convert("1").save(HERE / "trenches.png", optimize=True)
    (HERE / "lovelace.jpg").write_bytes(find(folder, "lucasta.150.jpg").read_bytes())
    typed = Image.open(find(folder, "typewriter.png")).convert("L")
    size = 1600, 1600 * typed.height // typed.width
    typed.resize(size, Image.Resampling.LANCZOS).save(HERE / "typewriter.jpg", quality=80)
    document = pypdfium2.PdfDocument(find(folder, "issue7229.pdf"))
    image = next(part for part in document[0].get_objects() if part.type == 3)
    form = image.get_bitmap().to_pil().convert("L")
    # The number plate and the owner's papers are on the parts of the form that are left out.
    form.crop((155, 599, 560, 1367)).save(HERE / "form-brakes.png", optimize=True)
    form.crop((644, 1388, 1096, 2056)).save(HERE / "form-engine.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
