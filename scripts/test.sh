#!/usr/bin/env bash
# Sets up what the tests need, then runs the linter and the tests. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh

set_up requirements-test.txt
.venv/bin/ruff check .
.venv/bin/ruff format --check .
"$PYTHON" -m pytest -q -n 2 --dist loadfile "$@"
