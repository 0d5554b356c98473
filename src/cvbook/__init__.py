import os

# Packages that would tell their makers of each run: not from here, unless the user says otherwise.
# (OpenVINO has no such variable: see `deploy.openvino_offline`.)
for _switch in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ.setdefault(_switch, "1")
