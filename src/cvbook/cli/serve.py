"""The command that puts the models behind HTTP: `serve`."""

import logging
import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from cvbook.cli.errors import fail

app = typer.Typer()
HEADERS_S = 5  # seconds that a client has for the head of its request
GRACE_S = 30  # seconds that answers under way have on shutdown


@app.command()
def serve(
    index: Annotated[
        Path | None,
        typer.Option(help="Folder that `search build` made; without it there is no /search."),
    ] = None,
    backbone: Annotated[
        str,
        typer.Option(
            help="The index's network, if its weights are to be fetched: an index alone fetches"
            " nothing."
        ),
    ] = "",
    checkpoint: Annotated[
        Path | None, typer.Option(help="Weights of MiVOLO; without them there is no /age.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8000,
    name: Annotated[
        list[str] | None,
        typer.Option(
            help="A name by which clients call this machine; may be given again."
            " Addresses and localhost always do."
        ),
    ] = None,
    token: Annotated[
        str,
        typer.Option(
            envvar="CVBOOK_TOKEN",
            help="Clients must send it: Authorization: Bearer TOKEN. Without one, all may ask.",
        ),
    ] = "",
) -> None:
    """Answer requests over HTTP: /read, /search and /age take the bytes of a picture; /health and
    /metrics tell how it goes.

    cvbook serve --index my/index

    curl --data-binary @page.jpg -H "Content-Type: image/jpeg" localhost:8000/read
    """
    from cvbook.cli.models import network_of
    from cvbook.data.age_gender import AgeScale
    from cvbook.deploy import services
    from cvbook.deploy.search import Index
    from cvbook.deploy.serve import make_app
    from cvbook.models.mivolo import load_checkpoint
    from cvbook.models.reader import Reader

    try:
        offered = {"read": services.reading(Reader())}
        if index:
            found = Index(index)
            offered["search"] = services.searching(
                found, network_of(found.about["model"], backbone)
            )
        if checkpoint:
            model, low, high = load_checkpoint(checkpoint)
            offered["age"] = services.ages(model, AgeScale(low, high))
    except (FileNotFoundError, ValueError) as error:
        fail(error)
    listen(make_app(offered, names=name or (), token=token), host, port)


def listen(app, host: str, port: int) -> None:
    """Serve an ASGI application until the process is told to stop.

    Hypercorn closes a connection whose request has not begun in earnest after a few seconds, which
    Uvicorn does not: some hundred clients that send half a header each would hold it for good.
    """
    import asyncio

    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    _open_files()
    # A decoder that starts imports nothing from the current folder, which may be a stranger's.
    os.environ["PYTHONSAFEPATH"] = "1"
    config = Config()
    config.bind = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
    config.backlog = 1024
    config.keep_alive_timeout = HEADERS_S
    config.graceful_timeout = GRACE_S
    config.include_server_header = False
    config.errorlog = logging.getLogger("hypercorn")
    try:  # before the server, which would tell of it in a long way
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        reason = f"Cannot listen on {host}, port {port} ({error.strerror or error})"
        fail(f"{reason}: try another --host or --port.")
    asyncio.run(serve(app, config))
    print("The server has stopped.")


def _open_files() -> None:
    """As many open files as the system allows: each connection is one."""
    try:
        import resource
    except ImportError:  # Windows counts them otherwise
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
