#!/usr/bin/env bash
# Installs what the tests need beside Rust (moto, an IAM server that we did not write, and the AWS CLI, in
# .venv) and runs them all. Arguments go to `cargo test`.
set -euo pipefail
cd "$(dirname "$0")/.."

moto=5.2.5
awscli=1.46.3
installed="import importlib.metadata as m; print(m.version('moto'), m.version('awscli'))"
if [ "$(.venv/bin/python -c "$installed" 2>/dev/null)" != "$moto $awscli" ]; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check "moto[server]==$moto" "awscli==$awscli"
fi
# The tests write and sync thousands of small files; memory spares the disk.
if [ -w /dev/shm ]; then export TMPDIR="${TMPDIR:-/dev/shm}"; fi
cargo test --locked "$@"
