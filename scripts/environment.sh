#!/usr/bin/env bash
# Make an environment, or bring it up to date with pyproject.toml: "environment.sh demo" with what the
# plugin needs, "environment.sh dev" with the tools of the tests too; .venv with PyQt6, or with
# "environment.sh dev pyside6" .venv-pyside6 with PySide6. At once done where nothing changed.
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:?usage: environment.sh demo|dev [pyqt6|pyside6]}
binding=${2:-pyqt6}
case "$binding" in
  pyqt6) venv=.venv wanted=(".[all]") ;;
  pyside6) venv=.venv-pyside6 wanted=(. "napari[pyside6,optional]") ;;
  *) echo "environment.sh: no Qt binding '$binding'" >&2 && exit 2 ;;
esac
case "$purpose" in
  demo) ;;
  dev) wanted+=(--group dev) ;;
  *) echo "environment.sh: no purpose '$purpose'" >&2 && exit 2 ;;
esac

is_usable() { # a Python >= 3.11 that can make environments; shims of missing versions fail here
  "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
  local name
  for name in ${PYTHON:-} python3.13 python3.12 python3.11 python3; do
    if is_usable "$name"; then echo "$name" && return; fi
  done
  return 1
}

fingerprint() { # what the environment was made from: the requirements, and where the project stands
  { cat pyproject.toml scripts/environment.sh && pwd; } | cksum
}

scripts/system_packages.sh

for stamp in "$venv"/made-for-dev "$venv"/made-for-"$purpose"; do
  if [ -x "$venv"/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$(fingerprint)" ]; then exit 0; fi
done

if ! is_usable "$venv"/bin/python; then
  python=$(find_python) || { scripts/apt_install.sh python3 python3-venv && python=$(find_python); } || {
    echo "Python 3.11 or newer with venv is missing. Please install: python3.13 python3.13-venv" >&2
    exit 1
  }
  "$python" -m venv --clear "$venv"
fi

quiet=""
[ -t 1 ] || quiet="--quiet"
echo "Installing napari-octsam and what it needs into $venv; the first time this takes some minutes."
"$venv"/bin/python -m pip install $quiet --upgrade "pip>=25.1" # --group is new in 25.1
"$venv"/bin/python -m pip install $quiet --editable "${wanted[@]}"
fingerprint >"$venv"/made-for-"$purpose"
