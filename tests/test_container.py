"""The container's files against the code: what an image would hold, without building one."""

import ast
import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import yaml

from cvbook.cli import serve
from cvbook.paths import ROOT

CONTAINER = ROOT / "container"


def name_of(requirement: str) -> str:
    return re.match(r"[\w.-]+", requirement).group().lower().replace("_", "-")


def names(path: Path) -> set[str]:
    return {name_of(line) for line in path.read_text().splitlines() if not line.startswith("#")}


def imports(file: str) -> set[str]:
    """Modules that a file imports when it is imported itself; inside of functions they may lack."""
    found = set()
    for statement in ast.parse(Path(file).read_text()).body:
        if isinstance(statement, ast.Import):
            found |= {alias.name.split(".")[0] for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            found.add(statement.module.split(".")[0])
    return found


SERVING = """
import json, sys, hypercorn.asyncio
from cvbook.cli import main
from cvbook.deploy import search, serve, services
from cvbook.models.mivolo import load_checkpoint
from cvbook.models.reader import Reader
Reader()
ours = [module for name, module in sys.modules.items() if name.startswith("cvbook.")]
print(json.dumps([module.__file__ for module in ours if module.__file__]))
"""


def test_the_listed_packages_are_what_the_services_import():
    command = [sys.executable, "-c", SERVING]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = {"hypercorn"}.union(*map(imports, json.loads(done.stdout)))
    where = packages_distributions()
    needed = {name_of(where[module][0]) for module in imported & where.keys() - {"cvbook"}}
    listed = names(CONTAINER / "requirements.txt")
    assert len(needed) > 10 and needed <= listed <= names(ROOT / "requirements.txt")
    # timm imports the first, and an uploaded PDF the second.
    assert listed - needed <= {"torchvision", "pypdfium2"}


def test_what_the_container_copies_is_there():
    steps = (CONTAINER / "Containerfile").read_text().splitlines()
    copied = [path for s in steps if s.startswith("COPY") for path in s.split()[1:-1]]
    assert len(copied) >= 5 and all((ROOT / path).exists() for path in copied)


def test_the_cluster_asks_what_the_server_answers():
    deployment, service, scaler = yaml.safe_load_all((CONTAINER / "kubernetes.yaml").read_text())
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    # Inside the cluster clients call it by the service's name.
    assert container["args"][-2:] == ["--name", service["metadata"]["name"]]
    user = container["securityContext"]["runAsUser"]
    assert f"useradd --uid {user} " in (CONTAINER / "Containerfile").read_text()
    probes = [container[probe]["httpGet"] for probe in ("readinessProbe", "livenessProbe")]
    assert [probe["path"] for probe in probes] == ["/health", "/health"]
    ports = [probe["port"] for probe in probes]
    ports += [container["ports"][0]["containerPort"], service["spec"]["ports"][0]["targetPort"]]
    assert set(ports) == {8000}
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels == service["spec"]["selector"]
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert pod["terminationGracePeriodSeconds"] > serve.GRACE_S
