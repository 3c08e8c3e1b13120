#!/usr/bin/env bash
# Installs what the tests need beside Rust (moto, an IAM server that we did not write, in .venv) and
# runs them all. Arguments go to `cargo test`.
set -euo pipefail
cd "$(dirname "$0")/.."

moto=5.2.5
if ! .venv/bin/python -c "import importlib.metadata as m; assert m.version('moto') == '$moto'" 2>/dev/null; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check "moto[server]==$moto"
fi
cargo test --locked "$@"
