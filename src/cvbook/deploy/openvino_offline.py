"""OpenVINO without its telemetry: imported by itself, it calls an analytics host each time.

Import `openvino` from here. The switch is the absence of the package that makes the call, which
OpenVINO expects and has a stub for.
"""

import sys

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # noqa: E402

__all__ = ["openvino"]
