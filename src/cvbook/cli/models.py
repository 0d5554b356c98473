"""Commands that put the models to work on your own pictures: `age` and `search`."""

import json
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cvbook.cli.errors import fail

if TYPE_CHECKING:
    import numpy as np

app = typer.Typer()
search = typer.Typer(no_args_is_help=True, help="Search a folder of pictures by picture.")


def _gender(male: float) -> str:
    """A probability in words; nothing where the model gives none (NaN)."""
    if math.isnan(male):
        return ""
    return f"male ({male:.2f})" if male >= 0.5 else f"female ({1 - male:.2f})"


@app.command()
def age(
    images: Annotated[list[Path], typer.Argument(help="Pictures or folders of them.")],
    checkpoint: Annotated[
        Path, typer.Option(help="Weights of MiVOLO: one of its authors' files, or your own.")
    ],
    face: Annotated[
        list[str] | None,
        typer.Option(
            help="Box of a face, left,top,right,bottom; may be given again."
            " Without boxes OpenCV looks for people."
        ),
    ] = None,
    body: Annotated[list[str] | None, typer.Option(help="Box of a person.")] = None,
) -> None:
    """Estimate the apparent age and gender of the people in pictures.

    What cannot be read, and a picture that a box lies outside of, is named on standard error, and
    the exit status is then 1.

    cvbook age photo.jpg --checkpoint model_imdb_cross_person_4.24_99.46.pth.tar
    """
    from cvbook.data.age_gender import AgeScale
    from cvbook.deploy.age import cut, find_people, parse_box, read_people
    from cvbook.documents import load_any
    from cvbook.files import printable
    from cvbook.images import ImageError
    from cvbook.models.mivolo import load_checkpoint

    def estimates(name: str, image: "np.ndarray") -> None:
        if faces or bodies:
            boxes = [cut(box, image) for box in faces], [cut(box, image) for box in bodies]
        else:
            boxes = find_people(image)
        found = read_people(model, scale, image, *boxes)
        for one in found:
            said = f"{one.age:.1f}\t{_gender(one.male)}"
            print(f"{printable(name)}\t{said}\tface {one.face}\tbody {one.body}")
        if not found:
            where = f"{printable(name)}: nobody was found"
            print(f"{where}; give boxes with --face and --body.", file=sys.stderr)

    try:
        faces, bodies = ([parse_box(text) for text in given or []] for given in (face, body))
        model, low, high = load_checkpoint(checkpoint)
    except ValueError as error:
        fail(error)
    scale = AgeScale(low, high)
    failed: list[object] = []

    def tell(error: object) -> None:
        print(printable(error), file=sys.stderr)
        failed.append(error)

    for path in images:
        try:
            for name, image in load_any(path, tell):
                try:
                    estimates(name, image)
                except Exception as error:  # a fault of ours must not end a batch
                    said = error if isinstance(error, ValueError) else repr(error)
                    tell(f"{name}: {said}")
        except ImageError as error:
            tell(error)
    if failed:
        raise typer.Exit(1)


def network(name: str, checkpoint: str):
    """A network for search: the book's, or a timm backbone's features.

    Exits with one sentence if it cannot be had.
    """
    from cvbook.models import weights
    from cvbook.models.embedder import TimmEmbedder

    try:
        if name == "book":
            return weights.embedder()
        network = TimmEmbedder(name, pretrained=not checkpoint, checkpoint=checkpoint).eval()
    except (RuntimeError, FileNotFoundError, ValueError) as error:
        fail(error)
    return network.features


def network_of(model: str, backbone: str = ""):
    """The network that an index names; exits with one sentence if it cannot be had.

    An index may come from a stranger: what it names is not looked for on a network, unless the user
    names it, too.
    """
    from cvbook.files import printable

    try:
        name, checkpoint = json.loads(model)
        if not (isinstance(name, str) and isinstance(checkpoint, str)):
            raise TypeError
        plain = re.fullmatch("[A-Za-z0-9_]+([.][A-Za-z0-9_]+)?", name)
        local = name == "book" or (plain and Path(checkpoint).is_file())
    except (ValueError, TypeError, OSError, RecursionError):
        fail(f"The index names no network ({printable(model)[:100]}): build it again.")
    if name != (backbone or name):
        fail(f"The index was made with {printable(name)[:100]!r}, not with {backbone!r}.")
    if not local and not backbone:
        weights = "is to be fetched" if not checkpoint else f"is no longer at {checkpoint[:200]}"
        fail(
            f"The index's network {printable(name)[:100]!r} {printable(weights)}. Name it yourself"
            f" if you trust it, with `cvbook search query --backbone`, or build the index again"
            " with --checkpoint, a file of its weights."
        )
    return network(name, checkpoint)


@search.command("build")
def search_build(
    folder: Annotated[Path, typer.Argument(help="Folder of pictures, subfolders included.")],
    index: Annotated[Path, typer.Option(help="Folder for the index.")] = Path("index"),
    backbone: Annotated[
        str,
        typer.Option(
            help="'book' (small, for products on shelves) or any timm backbone, such as resnet50."
        ),
    ] = "book",
    checkpoint: Annotated[
        str, typer.Option(help="File with the backbone's weights; without it timm fetches them.")
    ] = "",
    side: Annotated[
        int,
        typer.Option(
            min=0,
            max=2048,
            help="Pictures are scaled to this many pixels; 0: 48 for the book's network, else 224.",
        ),
    ] = 0,
) -> None:
    """Index a folder of pictures, or bring its index up to date.

    Pictures that the index knows already are not looked at again, and what has gone leaves it.

    cvbook search build my/photos

    cvbook search build my/photos --backbone resnet50 --index my/index
    """
    from cvbook.deploy.indexing import build
    from cvbook.files import printable

    side = side or (48 if backbone == "book" else 224)
    checkpoint = str(Path(checkpoint).resolve()) if checkpoint else ""
    try:
        built = build(
            folder, index, network(backbone, checkpoint), json.dumps([backbone, checkpoint]), side
        )
    except ValueError as error:
        fail(printable(error))
    for name, reason in built.unreadable.items():
        print(f"left out {printable(name)}: {printable(reason)}", file=sys.stderr)
    print(
        f"{built.count} pictures are in {index}: {built.embedded} looked at,"
        f" {built.count - built.embedded} known or copies, {built.gone} gone."
    )


@search.command("query")
def search_query(
    image: Annotated[Path, typer.Argument(help="The picture to look for.")],
    index: Annotated[Path, typer.Option(help="Folder that `search build` made.")] = Path("index"),
    k: Annotated[int, typer.Option(min=1, help="How many results.")] = 12,
    out: Annotated[Path, typer.Option(help="The page with the results.")] = Path("results.html"),
    backbone: Annotated[
        str,
        typer.Option(
            help="The backbone, as it was given to `search build`: wanted where its weights come"
            " from a network. An index alone makes nothing be fetched."
        ),
    ] = "",
) -> None:
    """Find the pictures most like one, and write them to a page.

    Pictures are shown only as they were when they were indexed, and only from the index's folder.

    cvbook search query photo.jpg
    """
    from cvbook.deploy.search import Index, sheet
    from cvbook.files import printable
    from cvbook.images import load_image

    try:
        picture, found = load_image(image), Index(index, kind="Flat")
        network = network_of(found.about["model"], backbone)
        found.check(network)
        hits = found.query(picture, network, k)
        sheet(picture, hits, out)
    except (FileNotFoundError, ValueError) as error:
        fail(printable(error))
    for hit in hits:
        copy = f"  the same file as {printable(hit.copy_of)}" if hit.copy_of else ""
        print(f"{hit.score:.3f}  {printable(hit.file)}{copy}")
    print(f"See {out}.")
