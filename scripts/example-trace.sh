#!/usr/bin/env bash
# Prints docs/examples/trace.json with its times moved to a minute ago, ready for
#   scripts/example-trace.sh | curl -H 'content-type: application/json' -d @- http://127.0.0.1:4318/v1/traces
set -euo pipefail
cd "$(dirname "$0")/.."
python3 - "docs/examples/trace.json" <<'EOF'
import re
import sys
import time

with open(sys.argv[1], encoding="utf-8") as file:
    text = file.read()
times = [int(value) for value in re.findall(r'UnixNano": "(\d+)"', text)]
shift = time.time_ns() - 60_000_000_000 - min(times)
print(re.sub(r'(UnixNano": ")(\d+)"', lambda m: f'{m[1]}{int(m[2]) + shift}"', text), end="")
EOF
