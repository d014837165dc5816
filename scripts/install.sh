#!/usr/bin/env bash
# Installs into .venv, from the pinned and hashed lists:  scripts/install.sh runtime|dev
# `runtime` is what the product needs, `dev` adds what tests and linters need; each may follow the
# other in the same environment. It prints its steps, because a first run downloads for a while.
set -euo pipefail
cd "$(dirname "$0")/.."

set_name=${1:?usage: scripts/install.sh runtime|dev}
python=.venv/bin/python
export PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore

# One line for each large download and for the unpacking; errors come unfiltered on stderr.
progress() {
    awk '
        /^ *Downloading .* MB\)/ { sub(/^ *Downloading /, ""); sub(/-[0-9].*\(/, " ("); print "    downloading " $0; fflush() }
        /^Installing collected packages/ { print "    unpacking " split($0, names, ",") " packages"; fflush() }
    '
}

if [ -e .venv ] && ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "==> Removing .venv: its Python is gone or older than 3.11"
    rm -rf .venv
fi
if [ ! -e .venv ]; then
    interpreter=$(scripts/find-python.sh)
    echo "==> Making .venv with $("$interpreter" --version)"
    "$interpreter" -m venv .venv
fi
if ! "$python" -m pip --version >/dev/null 2>&1; then
    "$python" -m ensurepip --upgrade >/dev/null
fi

case $set_name in
    runtime)
        lists=(-r requirements/runtime.txt -r requirements/build.txt)
        echo "==> Installing what TraceFoundry runs on, pinned by hash (about 35 MB to download, once)"
        ;;
    dev)
        lists=(-r requirements/dev.txt)
        echo "==> Installing the test and lint tools, pinned by hash (about 55 MB more to download, once)"
        ;;
    *)
        echo "unknown set '$set_name': runtime or dev" >&2
        exit 2
        ;;
esac
"$python" -m pip install --require-hashes --only-binary :all: --progress-bar off "${lists[@]}" </dev/null | progress

echo "==> Installing the members of this workspace, editable"
"$python" -m pip install --quiet --no-deps --no-build-isolation --no-index \
    -e services -e operator -e sdk/python </dev/null
