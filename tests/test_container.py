"""The container's files against the code: nothing can be built here, but what it would hold can be checked."""

import ast
import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import yaml

from cvbook.paths import ROOT

CONTAINER = ROOT / "container"


def name_of(requirement: str) -> str:
    return re.match(r"[\w.-]+", requirement).group().lower().replace("_", "-")


def names(path: Path) -> set[str]:
    return {name_of(line) for line in path.read_text().splitlines() if not line.startswith("#")}


def test_the_listed_packages_are_what_the_services_import():
    program = (
        "import json, sys, uvicorn\nfrom cvbook.cli import main\nfrom cvbook.deploy import search, serve, services\n"
        "from cvbook.models.mivolo import load_checkpoint\nfrom cvbook.models.reader import Reader\nReader()\n"
        "print(json.dumps([m.__file__ for name, m in sys.modules.items() if name.startswith('cvbook.') and m.__file__]))"
    )
    files = json.loads(
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout
    )
    imported = {"uvicorn"}
    for statement in (
        statement for file in files for statement in ast.parse(Path(file).read_text()).body
    ):  # what is imported inside of functions may lack
        if isinstance(statement, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            imported.add(statement.module.split(".")[0])
    where = packages_distributions()
    needed = {
        name_of(where[module][0]) for module in imported if module in where and module != "cvbook"
    }
    listed = names(CONTAINER / "requirements.txt")
    assert needed <= listed <= names(ROOT / "requirements.txt")
    # imported at the first page, and by timm
    assert listed - needed <= {"pyclipper", "torchvision"}


def test_what_the_container_copies_is_there():
    copied = [
        path
        for line in (CONTAINER / "Containerfile").read_text().splitlines()
        if line.startswith("COPY")
        for path in line.split()[1:-1]
    ]
    assert len(copied) >= 5 and all((ROOT / path).exists() for path in copied)


def test_the_cluster_asks_what_the_server_answers():
    deployment, service, scaler = yaml.safe_load_all((CONTAINER / "kubernetes.yaml").read_text())
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    port = container["ports"][0]["containerPort"]
    assert (
        f"useradd --uid {container['securityContext']['runAsUser']} "
        in (CONTAINER / "Containerfile").read_text()
    )
    assert {
        container[probe]["httpGet"]["path"] for probe in ("readinessProbe", "livenessProbe")
    } == {"/health"}
    assert (
        port
        == service["spec"]["ports"][0]["targetPort"]
        == container["livenessProbe"]["httpGet"]["port"]
        == 8000
    )
    assert (
        service["spec"]["selector"]
        == deployment["spec"]["selector"]["matchLabels"]
        == deployment["spec"]["template"]["metadata"]["labels"]
    )
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    grace = re.search(
        r"timeout_graceful_shutdown=(\d+)", (ROOT / "src/cvbook/cli/models.py").read_text()
    )
    assert pod["terminationGracePeriodSeconds"] > int(grace.group(1))
