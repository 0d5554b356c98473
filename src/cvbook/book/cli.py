"""The `cvbook` command: everything the Makefile does, and reading your own pictures."""

import json
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown",
                  help="Computer Vision in Production: run the chapters, build the book, look at the claims, use the models.")  # fmt: skip
data = typer.Typer(no_args_is_help=True, help="The data sets that ship with the book.")
app.add_typer(data, name="data")
search = typer.Typer(no_args_is_help=True, help="Search a folder of pictures by picture.")
app.add_typer(search, name="search")


def fail(message: object) -> NoReturn:
    """Print one clear sentence to standard error and exit with 1."""
    print(message, file=sys.stderr)
    raise typer.Exit(1)


def _value(text: str) -> object:
    """A parameter's value from the command line: a Python literal where it is one, else the text itself."""
    import ast

    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


@app.command()
def run(
    chapter: Annotated[str, typer.Argument(help="Number or name of the chapter, such as 02.")],
    p: Annotated[list[str] | None, typer.Option("-p", help="Parameter, as NAME=VALUE; may be given again.")] = None,
    profile: Annotated[str | None, typer.Option(help="ci (minutes), study (evidence) or full (a GPU and real sizes).")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the run.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Commit the outputs: put them back into notebooks/.")] = False,
) -> None:
    """Run a chapter headless.

    The executed notebook goes to `runs/<profile>-<seed>/<chapter>/`. Examples:

        cvbook run 02

        cvbook run 12a -p data_dir=my/scans

        cvbook run 12b --profile study --seed 3
    """
    from cvbook.book import chapters

    given: dict[str, object] = {}
    for pair in p or []:
        name, equals, text = pair.partition("=")
        if not equals:
            fail(f"-p takes NAME=VALUE; got {pair!r}.")
        given[name] = _value(text)
    if profile:
        given["profile"] = profile
    if seed is not None:
        given["seed"] = seed
    try:
        notebook = chapters.find(chapter)
        took = chapters.minutes(notebook)
        print(f"{notebook.stem}: " + (f"about {took:g} minutes at the ci profile." if took else "not timed yet."), file=sys.stderr)
        target = chapters.run(notebook, given)
        print(chapters.commit_outputs(target) if save else target)
    except (ValueError, FileNotFoundError, RuntimeError) as error:
        fail(error)


@app.command()
def build(executed: Annotated[bool, typer.Option("--executed", help="Render the notebooks of the last ci run instead of the committed ones.")] = False) -> None:
    """Render the book as web pages and print the path of the first one."""
    from cvbook.book import site

    try:
        print(site.build(executed))
    except RuntimeError as error:
        fail(error)


@app.command()
def evidence() -> None:
    """Gather the results of all runs under `runs/` into data/evidence/ and the README, and print the verdicts.

    The runs themselves are made by `make evidence`, or one by one: cvbook run 12b --profile study --seed 0
    """
    from cvbook.book.claims import gather
    from cvbook.book.scoreboard import update_readme
    from cvbook.paths import ROOT, RUNS

    gather(RUNS)
    update_readme(ROOT / "README.md")
    claims()


@app.command()
def claims() -> None:
    """Print every claim with its verdict and interval."""
    from cvbook.book import scoreboard

    print(scoreboard.as_text())


@app.command()
def read(
    images: Annotated[list[Path], typer.Argument(help="Pictures, PDF files or folders of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print boxes and confidences as JSON, one object a picture.")] = False,
) -> None:
    """Read the text in your own pictures, English or Russian.

    Text goes to standard output; what cannot be read is named on standard error, and the exit status is then 1.
    """
    from cvbook.data.images import ImageError, load_any
    from cvbook.models.reader import Reader, page_text

    reader, failed = Reader(), False
    for path in images:
        try:
            for name, image in load_any(path):
                lines = reader.read(image)
                if as_json:
                    rows = [{"text": r.text, "confidence": round(r.confidence, 4), "corners": r.corners.round(1).tolist(), "row": r.row} for r in lines]
                    print(json.dumps({"image": name, "lines": rows}, ensure_ascii=False))
                    continue
                if len(images) > 1 or path.is_dir() or name != str(path):
                    print(f"== {name}")
                print(page_text(lines))
                if not lines:
                    print(f"{name}: no text was found.", file=sys.stderr)
        except ImageError as error:
            print(error, file=sys.stderr)
            failed = True
    if failed:
        raise typer.Exit(1)


def _box(text: str) -> tuple[int, int, int, int]:
    """A box from the command line; exits with one sentence if it is none."""
    try:
        x0, y0, x1, y1 = (int(part) for part in text.split(","))
    except ValueError:
        fail(f"A box is four whole numbers, left,top,right,bottom in pixels; got {text!r}.")
    if x1 <= x0 or y1 <= y0:
        fail(f"The box {text} is empty: right must lie right of left, and bottom below top.")
    return x0, y0, x1, y1


@app.command()
def age(
    images: Annotated[list[Path], typer.Argument(help="Pictures or folders of them.")],
    checkpoint: Annotated[Path, typer.Option(help="Weights of MiVOLO: one of its authors' files, or your own.")],
    face: Annotated[
        list[str] | None, typer.Option(help="Box of a face, left,top,right,bottom; may be given again. Without boxes OpenCV looks for people.")
    ] = None,
    body: Annotated[list[str] | None, typer.Option(help="Box of a person.")] = None,
) -> None:
    """Estimate the apparent age and gender of the people in pictures.

    cvbook age photo.jpg --checkpoint model_imdb_cross_person_4.24_99.46.pth.tar
    """
    from cvbook.data.age_gender import AgeScale
    from cvbook.data.images import ImageError, load_any
    from cvbook.deploy.age import find_people, read_people
    from cvbook.models.mivolo import load_checkpoint

    faces, bodies = [_box(b) for b in face or []], [_box(b) for b in body or []]
    try:
        model, low, high = load_checkpoint(checkpoint)
        for path in images:
            for name, image in load_any(path):
                found = read_people(model, AgeScale(low, high), image, *((faces, bodies) if faces or bodies else find_people(image)))
                for one in found:
                    gender = "" if one.male != one.male else f"{'male' if one.male >= 0.5 else 'female'} ({max(one.male, 1 - one.male):.2f})"
                    print(f"{name}\t{one.age:.1f}\t{gender}\tface {one.face}\tbody {one.body}")
                if not found:
                    print(f"{name}: nobody was found; give boxes with --face and --body.", file=sys.stderr)
    except (ImageError, ValueError) as error:
        fail(error)


def _network(name: str, checkpoint: str):
    """A network for search: the book's, or a timm backbone's features. Exits with one sentence if it cannot be had."""
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
    backbone: Annotated[str, typer.Option(help="'book' (small, for products on shelves) or any timm backbone, such as resnet50.")] = "book",
    checkpoint: Annotated[str, typer.Option(help="File with the backbone's weights; without it timm fetches them.")] = "",
    side: Annotated[int, typer.Option(help="Pictures are scaled to this many pixels; 0: 48 for the book's network, else 224.")] = 0,
) -> None:
    """Index a folder of pictures.

    cvbook search build my/photos

    cvbook search build my/photos --backbone resnet50 --index my/index
    """
    from cvbook.data.images import ImageError
    from cvbook.deploy.search import build

    side = side or (48 if backbone == "book" else 224)
    try:
        built = build(folder, index, _network(backbone, checkpoint), json.dumps([backbone, checkpoint]), side)
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
    from cvbook.data.images import ImageError, load_image
    from cvbook.deploy.search import Index, sheet

    try:
        picture, found = load_image(image), Index(index)
        hits = found.query(picture, _network(*json.loads(found.about["model"])), k)
        sheet(picture, hits, out)
    except (ImageError, FileNotFoundError) as error:
        fail(error)
    for hit in hits:
        print(f"{hit.score:.3f}  {hit.file}")
    print(f"See {out}.")


@app.command()
def serve(
    index: Annotated[Path | None, typer.Option(help="Folder that `search build` made; without it there is no /search.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Weights of MiVOLO; without them there is no /age.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
) -> None:
    """Answer requests over HTTP: /read, /search and /age take the bytes of a picture; /health and /metrics tell how it goes.

    cvbook serve --index my/index

    curl --data-binary @page.jpg -H "Content-Type: image/jpeg" localhost:8000/read
    """
    import uvicorn

    from cvbook.data.age_gender import AgeScale
    from cvbook.deploy import services
    from cvbook.deploy.search import Index
    from cvbook.deploy.serve import make_app
    from cvbook.models.mivolo import load_checkpoint
    from cvbook.models.reader import Reader

    offered = {"read": services.reading(Reader())}
    try:
        if index:
            found = Index(index)
            offered["search"] = services.searching(found, _network(*json.loads(found.about["model"])))
        if checkpoint:
            model, low, high = load_checkpoint(checkpoint)
            offered["age"] = services.ages(model, AgeScale(low, high))
    except (FileNotFoundError, ValueError) as error:
        fail(error)
    uvicorn.run(make_app(offered), host=host, port=port, limit_concurrency=512, timeout_graceful_shutdown=30)


@app.command()
def doctor() -> None:
    """Check that the system packages and the Python packages the book needs are there."""
    from cvbook.book.system import problems

    found = problems()
    for line in found:
        print(line)
    if found:
        raise typer.Exit(1)
    print("All there.")


@data.command("list")
def list_data() -> None:
    """List what is under data/, with its licence and size."""
    from cvbook.data.manifest import entries

    for entry in entries():
        size = sum(f.stat().st_size for f in entry.files()) / 1e6
        print(f"{entry.path:28} {size:6.2f} MB  {entry.what}\n{'':39}  {entry.licence}; {entry.source}")


@data.command()
def verify() -> None:
    """Check every file under data/ against the manifest."""
    from cvbook.data.manifest import verify

    wrong = verify()
    for line in wrong:
        print(line)
    if wrong:
        raise typer.Exit(1)
    print("All files are as the manifest says.")


@data.command("render")
def render_data(
    name: Annotated[str, typer.Argument(help="shelves, crops, …: see the chapter on rendered worlds.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the Parquet files; without it, data/rendered.")] = None,
    count: Annotated[int | None, typer.Option(help="Pictures; without it, as many as ship.")] = None,
    first: Annotated[int, typer.Option(help="Number of the first picture, to share the work between machines.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the set; 0 is the one that ships.")] = 0,
    workers: Annotated[int, typer.Option(help="Blender processes.")] = 2,
) -> None:
    """Render a data set, or go on with one that was interrupted.

    cvbook data render shelves

    cvbook data render shelves --count 100000 --workers 16 --out runs/sets/shelves
    """
    from cvbook.data.render import sets
    from cvbook.data.render.renderer import RenderError
    from cvbook.paths import DATA, RUNS

    try:
        rows = sets.make(name, RUNS / "render" / name, seed, first, None if count is None else first + count, workers)
        for file in sets.pack(name, rows, out or DATA / "rendered"):
            print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
    except (ValueError, RenderError) as error:
        fail(error)


@data.command("hash")
def hash_data() -> None:
    """Write the present hashes into the manifest, after a change that is meant."""
    from cvbook.data.manifest import rehash

    rehash()


if __name__ == "__main__":
    app()
