#!/usr/bin/env bash
# Prints a Python that can make the virtual environment: 3.11 or newer, with venv and pip inside.
# Every candidate is run, because a name on PATH may be a version manager's shim for nothing.
# PYTHON=/path/to/python asks for that one and no other.
set -euo pipefail

probe='import ensurepip, ssl, sqlite3, sys, venv; print(sys.executable, sys.version_info[0] * 100 + sys.version_info[1])'
oldest=311
newest_tested=314
newer=""

for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.14 python3.11 python3.15 python}; do
    found=$("$candidate" -c "$probe" 2>/dev/null </dev/null) || continue
    executable=${found% *}
    version=${found##* }
    if [ "$version" -ge "$oldest" ] && [ "$version" -le "$newest_tested" ]; then
        echo "$executable"
        exit 0
    fi
    if [ "$version" -gt "$newest_tested" ] && [ -z "$newer" ]; then
        newer=$executable
    fi
done

if [ -n "$newer" ]; then
    echo "note: $newer is newer than the versions this is tested with (3.11 to 3.14)" >&2
    echo "$newer"
    exit 0
fi
if [ -n "${PYTHON:-}" ]; then
    lacking="PYTHON=$PYTHON is none, or lacks one of these"
else
    lacking="there is none on PATH, or it lacks one of these"
fi
cat >&2 <<EOF
TraceFoundry needs Python 3.11 or newer with the modules venv, ensurepip and sqlite3; $lacking.
Install it (Debian and Ubuntu: python3 and python3-venv), or name one: make PYTHON=/path/to/python3.12 ...
EOF
exit 1
