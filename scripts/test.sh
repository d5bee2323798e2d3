#!/usr/bin/env bash
# Sets up what the tests need, then runs the linter and the tests. With --fast as the
# first argument, only the unit tests run. The other arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh

if [ "${1:-}" = --fast ]; then
  shift
  set -- --ignore=tests/scripts --ignore=tests/properties --ignore=tests/reliability "$@"
fi
set_up requirements-test.txt
.venv/bin/ruff check .
.venv/bin/ruff format --check .
"$PYTHON" -m pytest -q -n 2 --dist loadfile "$@"
