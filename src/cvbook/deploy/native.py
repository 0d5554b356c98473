"""Build the C++ programs of `deploy/cpp`, which answer without Python."""

import os
import shutil
import subprocess
from pathlib import Path

import torch

SOURCES = Path(__file__).parent / "cpp"


def build(folder: Path) -> dict[str, Path]:
    """Compile with CMake against the libraries inside of the installed torch and OpenVINO: programs by name, "embed_libtorch" and "embed_openvino".

    It takes about half a minute; what is up to date is not built again. `PROGRAM MODEL SIDE FILE...` prints the numbers for each PNG file on a line.

    Args:
        folder: for what is built.

    Raises:
        RuntimeError: no cmake or compiler, or the compiler refuses; the message says why.
    """
    import openvino

    lacking = [program for program in ("cmake", "c++") if not shutil.which(program)]
    if lacking:
        raise RuntimeError(f"{' and '.join(lacking)} cannot be found: apt-get install cmake g++ libpng-dev, or skip the C++ programs.")
    libraries = f"{torch.utils.cmake_prefix_path};{Path(openvino.__file__).parent / 'cmake'}"
    for command in (["cmake", "-S", SOURCES, "-B", folder, f"-DCMAKE_PREFIX_PATH={libraries}"], ["cmake", "--build", folder, "-j", str(os.cpu_count())]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"The C++ programs cannot be built: {(done.stderr or done.stdout).strip()[-1500:]}")
    return {path.stem: folder / path.stem for path in sorted(SOURCES.glob("embed_*.cpp")) if (folder / path.stem).exists()}
