# Sourced by the other scripts. Creates .venv with the packages in a requirements file.

PYTHON=.venv/bin/python

# Prints the name of the first Python 3.9 to 3.11 that runs and can create virtual environments.
find_python() {
  local name
  for name in python3.11 python3.10 python3.9 python3 python; do
    if "$name" -c 'import sys, venv, ensurepip
sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 11))' >/dev/null 2>&1; then
      echo "$name"
      return
    fi
  done
  return 1
}

make_environment() {
  if command -v uv >/dev/null 2>&1; then
    # --seed installs pip, with which prepare_model.py downloads its default model.
    uv venv --quiet --seed --allow-existing --python '>=3.9,<3.12' .venv
    return
  fi
  local python
  if ! python=$(find_python); then
    cat >&2 <<'TEXT'
No suitable Python was found: TensorFlow 2.15 needs Python 3.9, 3.10 or 3.11, with its venv module.
Looked for python3.11, python3.10, python3.9, python3 and python. Install one of them (on Debian and
Ubuntu: the packages python3 and python3-venv), or install uv, which installs Python itself.
TEXT
    return 1
  fi
  "$python" -m venv .venv
}

install_packages() {
  if command -v uv >/dev/null 2>&1; then
    uv pip install --python "$PYTHON" -c constraints.txt -r "$1"
  else
    "$PYTHON" -m pip install --disable-pip-version-check --quiet -c constraints.txt -r "$1"
  fi
}

# set_up REQUIREMENTS_FILE: creates .venv, unless it already contains the same requirements.
set_up() {
  local stamp
  stamp=".venv/installed-$(cat constraints.txt requirements.txt "$1" | cksum | tr ' ' '-')"
  if [ -x "$PYTHON" ] && [ -f "$stamp" ]; then
    return
  fi
  echo "Setting up .venv with the packages of $1 (once; TensorFlow is about 500 MB) ..." >&2
  make_environment
  install_packages "$1"
  touch "$stamp"
}
