#!/usr/bin/env bash
# test.sh [--fast] [ARGUMENT ...]: sets up the environment, then runs the linter, the type checker
# and the tests; with --fast, only the quick unit tests. The other arguments are passed to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh

if [ "${1:-}" = --fast ]; then
  shift
  set -- -m "not slow" --ignore=tests/scripts --ignore=tests/properties --ignore=tests/reliability "$@"
fi
set_up requirements-test.txt
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
# In the order of their names: otherwise, the files with the slowest tests come last.
"$PYTHON" -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder "$@"
