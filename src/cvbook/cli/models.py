"""Commands that put the models to work on your own pictures: `age` and `search`."""

import json
import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from cvbook.cli.errors import fail

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

    cvbook age photo.jpg --checkpoint model_imdb_cross_person_4.24_99.46.pth.tar
    """
    from cvbook.data.age_gender import AgeScale
    from cvbook.deploy.age import find_people, parse_box, read_people
    from cvbook.documents import load_any
    from cvbook.images import ImageError
    from cvbook.models.mivolo import load_checkpoint

    try:
        faces, bodies = ([parse_box(text) for text in given or []] for given in (face, body))
        model, low, high = load_checkpoint(checkpoint)
        for path in images:
            for name, image in load_any(path):
                found = read_people(
                    model,
                    AgeScale(low, high),
                    image,
                    *((faces, bodies) if faces or bodies else find_people(image)),
                )
                for one in found:
                    said = f"{one.age:.1f}\t{_gender(one.male)}"
                    print(f"{name}\t{said}\tface {one.face}\tbody {one.body}")
                if not found:
                    print(
                        f"{name}: nobody was found; give boxes with --face and --body.",
                        file=sys.stderr,
                    )
    except (ImageError, ValueError) as error:
        fail(error)


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
            help="Pictures are scaled to this many pixels; 0: 48 for the book's network, else 224."
        ),
    ] = 0,
) -> None:
    """Index a folder of pictures.

    cvbook search build my/photos

    cvbook search build my/photos --backbone resnet50 --index my/index
    """
    from cvbook.deploy.search import build
    from cvbook.images import ImageError

    side = side or (48 if backbone == "book" else 224)
    try:
        built = build(
            folder, index, network(backbone, checkpoint), json.dumps([backbone, checkpoint]), side
        )
    except ImageError as error:
        fail(error)
    for name, reason in built.unreadable.items():
        print(f"left out {name}: {reason}", file=sys.stderr)
    print(f"{built.count} pictures are in {index}.")


@search.command("query")
def search_query(
    image: Annotated[Path, typer.Argument(help="The picture to look for.")],
    index: Annotated[Path, typer.Option(help="Folder that `search build` made.")] = Path("index"),
    k: Annotated[int, typer.Option(help="How many results.")] = 12,
    out: Annotated[Path, typer.Option(help="The page with the results.")] = Path("results.html"),
) -> None:
    """Find the pictures most like one, and write them to a page.

    cvbook search query photo.jpg
    """
    from cvbook.deploy.search import Index, sheet
    from cvbook.images import ImageError, load_image

    try:
        picture, found = load_image(image), Index(index)
        hits = found.query(picture, network(*json.loads(found.about["model"])), k)
        sheet(picture, hits, out)
    except (ImageError, FileNotFoundError) as error:
        fail(error)
    for hit in hits:
        print(f"{hit.score:.3f}  {hit.file}")
    print(f"See {out}.")
