#!/usr/bin/env bash
# Make a virtual environment with Python 3.11: by its name, else through uv or conda, which fetch one.
#   tools/make_venv.sh .venv [PYTHON]
set -eu
venv=$1
wanted=${2:-}
if [ -e "$venv/bin/pip" ]; then exit 0; fi
is_311() { [ "$("$1" -c 'import sys; print(*sys.version_info[:2])' 2>/dev/null)" = "3 11" ]; }
if [ -n "$wanted" ]; then
  is_311 "$wanted" || { echo "$wanted is not Python 3.11."; exit 2; }
  exec "$wanted" -m venv "$venv"
fi
for name in python3.11 python3 python; do
  if is_311 "$name"; then exec "$name" -m venv "$venv"; fi
done
if command -v uv >/dev/null; then exec uv venv --quiet --seed --python 3.11 "$venv"; fi
for conda in conda mamba micromamba; do
  if command -v "$conda" >/dev/null; then
    exec "$conda" create --yes --quiet --prefix "$venv" python=3.11 pip
  fi
done
echo "Python 3.11 is missing: install it (Debian 12: apt-get install python3.11-venv; anywhere:" \
  "https://docs.astral.sh/uv), or say make PYTHON=/path/to/python3.11"
exit 2
