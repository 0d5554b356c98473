"""Build the C++ programs of `deploy/cpp`, which answer without Python."""

import os
import shutil
import subprocess
from pathlib import Path

import torch

SOURCES = Path(__file__).parent / "cpp"


def build(folder: Path) -> dict[str, Path]:
    """Compile with CMake against the libraries inside of installed torch, OpenVINO, ONNX Runtime.

    It takes about half a minute; what is up to date is not built again.
    `PROGRAM MODEL SIDE FILE...` prints the numbers for each PNG file on a line. ONNX Runtime's
    wheel has no headers: that program is built where Debian's libonnxruntime-dev, or a copy in
    /usr/local/include/onnxruntime, has them.

    Args:
        folder: for what is built.

    Returns:
        The programs by name: "embed_libtorch", "embed_aotinductor", "embed_openvino", and
        "embed_onnxruntime" if there are headers.

    Raises:
        RuntimeError: no cmake or compiler, or the compiler refuses; the message says why.
    """
    import onnxruntime

    from cvbook.deploy.openvino_offline import openvino

    lacking = [program for program in ("cmake", "c++") if not shutil.which(program)]
    if lacking:
        raise RuntimeError(
            f"{' and '.join(lacking)} cannot be found: apt-get install cmake g++ libpng-dev, "
            "or skip the C++ programs."
        )
    prefixes = f"{torch.utils.cmake_prefix_path};{Path(openvino.__file__).parent / 'cmake'}"
    runtime = next(Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so*"), "")
    found = [f"-DCMAKE_PREFIX_PATH={prefixes}", f"-DONNXRUNTIME_LIBRARY={runtime}"]
    configure = ["cmake", "-S", str(SOURCES), "-B", str(folder), *found]
    build = ["cmake", "--build", str(folder), "-j", str(os.cpu_count())]
    for command in (configure, build):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-1500:]
            raise RuntimeError(f"The C++ programs cannot be built: {said}")
    programs = [folder / path.stem for path in sorted(SOURCES.glob("embed_*.cpp"))]
    return {program.stem: program for program in programs if program.exists()}
