"""The manager's part of the test set: written once, read through one function that logs every look.

What is sealed against is overfitting, not crime. The file is encrypted (Fernet: AES with an HMAC),
so nobody reads or changes it without the manager's password. Who scores runs the developer's
function on the sealed inputs; if you do not trust the function, run it where it has no network and
no disk. The looks are counted in the log: keep it where developers cannot write, for a log that is
deleted as a whole begins anew.
"""

import base64
import hashlib
import json
import os
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from cryptography.fernet import Fernet, InvalidToken

from cvbook.files import replacing

METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": lambda truth, said: float(np.mean(truth == said)),
    "mean absolute error": lambda truth, said: float(np.mean(np.abs(truth - said))),
}
ROUND = 3  # decimals that a look returns: the last digits are what hill climbing lives on


class SealedError(RuntimeError):
    """A look that is refused, with one sentence that says why."""


def _cipher(password: str, salt: bytes) -> Fernet:
    key = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)
    return Fernet(base64.urlsafe_b64encode(key))


def seal(
    path: str | Path,
    inputs: np.ndarray,
    truth: np.ndarray,
    metrics: list[str],
    password: str,
    looks: int = 10,
) -> str:
    """Write a sealed test set, once.

    Args:
        path: the file to write.
        inputs: [N, …], what the model is given.
        truth: [N], numbers or strings.
        metrics: names out of `METRICS` that a look may return.
        password: the manager's, at least twelve characters.
        looks: how many there may be.

    Returns:
        The seal: a hash of the file. Note it in the task card; `score` of another file returns
        another one.

    Raises:
        SealedError: the file is there already, the password is short, a metric is unknown, or
            inputs and truth differ in number.
    """
    path = Path(path)
    if path.exists():
        raise SealedError(
            f"{path} is there already: a sealed set is written once. "
            "Agree on a new one under a new name."
        )
    if len(password) < 12:
        raise SealedError("The password needs at least twelve characters.")
    if len(inputs) != len(truth) or not len(truth):
        raise SealedError(
            f"There are {len(inputs)} inputs and {len(truth)} true values; "
            "there must be as many of both, and at least one."
        )
    unknown = set(metrics) - METRICS.keys()
    if unknown or not metrics:
        raise SealedError(
            f"Unknown metric {', '.join(sorted(unknown)) or '(none given)'}; "
            f"choose from {', '.join(METRICS)}."
        )
    salt = os.urandom(16)
    content = {
        "inputs": np.asarray(inputs),
        "truth": np.asarray(truth),
        "metrics": list(metrics),
        "looks": looks,
    }
    with replacing(path) as part:
        part.write_bytes(salt + _cipher(password, salt).encrypt(pickle.dumps(content)))
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def score(
    path: str | Path, predict: Callable[[np.ndarray], np.ndarray], password: str, who: str
) -> dict[str, float]:
    """Take one look: run the model on the sealed inputs; return the agreed metrics, nothing else.

    They have three decimals. The look is logged before it is returned, in `<path>.log`, each line
    with a hash of the one before; the seal counts the looks in that log.

    Args:
        path: the sealed file.
        predict: inputs [N, …] → [N], once for all.
        password: the manager's.
        who: takes the look, and why; it is logged.

    Raises:
        SealedError: a wrong password, a file or log that was changed, no looks left, or predictions
            of another number.
    """
    path = Path(path)
    raw = path.read_bytes()
    try:
        sealed = pickle.loads(_cipher(password, raw[:16]).decrypt(raw[16:]))
    except InvalidToken:
        raise SealedError(
            f"{path} does not open: the password is wrong, or the file has been changed."
        ) from None
    seal_hash = hashlib.sha256(raw).hexdigest()[:16]
    past = looks(path)
    if len(past) >= sealed["looks"]:
        raise SealedError(
            f"All {sealed['looks']} looks have been taken: a test set that is looked at more often "
            "is a training set. Seal a new one."
        )
    truth = sealed["truth"]
    said = np.asarray(predict(sealed["inputs"].copy()))
    if said.shape != truth.shape:
        raise SealedError(
            f"The model gave an answer of shape {said.shape}; there are {len(truth)} cases, and "
            "each needs one."
        )
    result = {name: round(METRICS[name](truth, said), ROUND) for name in sealed["metrics"]}
    if not np.isfinite(list(result.values())).all():
        raise SealedError("A metric is not a number: look for NaN in the predictions.")
    entry = {
        "seal": seal_hash,
        "who": who,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "result": result,
        "left": sealed["looks"] - len(past) - 1,
    }
    entry["hash"] = _link(past[-1]["hash"] if past else seal_hash, entry)
    with open(_log(path), "a", encoding="utf-8") as log:
        log.write(json.dumps(entry, ensure_ascii=False) + "\n")
    return result


def looks(path: str | Path) -> list[dict]:
    """Every look so far: who, when, what was returned, how many are left.

    Raises:
        SealedError: a line of the log was changed or taken out, or the log belongs to another file.
        FileNotFoundError: there is no sealed file.
    """
    log = _log(Path(path))
    entries: list[dict] = []
    previous = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
    for line in log.read_bytes().splitlines() if log.exists() else []:
        try:
            entry = json.loads(line)
            claimed = entry.pop("hash")
            follows = claimed == _link(previous, entry)
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            follows = False  # half a line, or none of ours
        if not follows:
            raise SealedError(
                f"{log} has been changed: look {len(entries) + 1} does not follow from the one "
                "before."
            )
        entries.append(entry | {"hash": claimed})
        previous = claimed
    return entries


def _log(path: Path) -> Path:
    return path.with_name(path.name + ".log")


def _link(previous: str, entry: dict) -> str:
    content = previous + json.dumps(entry, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
