#!/usr/bin/env bash
# The embedded platform with a demo agent's traces in it, in the foreground until Ctrl-C.
# Settings (environment or make variables): DEMO_PORT, DEMO_OTLP_PORT, DEMO_GRPC_PORT (0 picks a
# free one), DEMO_DATA, DEMO_TRACES.
set -euo pipefail
cd "$(dirname "$0")/.."

port=${DEMO_PORT:-8080}
otlp_port=${DEMO_OTLP_PORT:-4318}
grpc_port=${DEMO_GRPC_PORT:-4317}
data=${DEMO_DATA:-.data}
traces=${DEMO_TRACES:-60}
deadline_s=60
python=.venv/bin/python
tracefoundry=.venv/bin/tracefoundry
server=""

# Asks the server to stop, once, and waits: a second signal would interrupt its shutdown.
stop() {
    trap '' INT TERM HUP
    if [ -n "$server" ] && kill -0 "$server" 2>/dev/null; then
        printf '\n==> Stopping\n'
        kill -TERM "$server" 2>/dev/null || true
        wait "$server" || true
    fi
    exit "${1:-0}"
}

failed() {
    echo "error: $1" >&2
    [ -s "$log" ] && { echo "The last lines of $log:" >&2; tail -n 15 "$log" >&2; }
    stop 1
}

busy=$("$python" - "$port" "$otlp_port" "$grpc_port" <<'EOF'
import socket
import sys

names = ("DEMO_PORT", "DEMO_OTLP_PORT", "DEMO_GRPC_PORT")
for name, value in zip(names, sys.argv[1:]):
    if not value.isdigit() or int(value) > 65535:
        sys.exit(f"error: {name}={value} is not a port: 1 to 65535, or 0 for any free one")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(value)))
        except OSError as error:
            print(f"port {value} ({name}): {error.strerror}")
EOF
)
if [ -n "$busy" ]; then
    echo "error: the demo cannot start, because its ports are not free:" >&2
    echo "$busy" | sed 's/^/    /' >&2
    echo "Stop what uses them, or choose others: make demo DEMO_PORT=0 DEMO_OTLP_PORT=0 DEMO_GRPC_PORT=0" >&2
    exit 1
fi

mkdir -p "$data"
log=$data/serve.log
: >"$log"
trap 'stop 0' INT
trap 'stop 143' TERM HUP

echo "==> Starting TraceFoundry on the data in $data/ (log: $log)"
# Job control gives the server its own process group. So Ctrl-C reaches only this script, which then
# asks the server to stop, once.
set -m
"$tracefoundry" serve --data "$data" --host 127.0.0.1 --port "$port" --otlp-port "$otlp_port" \
    --grpc-port "$grpc_port" </dev/null >>"$log" 2>&1 &
server=$!
set +m

# Wait for the line of serve, `ready api=URL otlp=URL grpc=HOST:PORT`, then for /readyz.
answers_ready() {
    "$python" - "$1" <<'EOF' 2>/dev/null
import sys
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
sys.exit(opener.open(sys.argv[1] + "/readyz", timeout=2).status != 200)
EOF
}
gives_up=$((SECONDS + deadline_s))
api=""
until [ -n "$api" ] && answers_ready "$api"; do
    kill -0 "$server" 2>/dev/null || failed "TraceFoundry ended while it started"
    [ "$SECONDS" -lt "$gives_up" ] || failed "TraceFoundry was not ready after $deadline_s s"
    sleep 0.1
    api=$(sed -nE 's/^ready api=([^ ]+).*/\1/p' "$log" | head -n 1)
done
otlp=$(sed -nE 's/^ready .* otlp=([^ ]+).*/\1/p' "$log" | head -n 1)
grpc=$(sed -nE 's/^ready .* grpc=([^ ]+).*/\1/p' "$log" | head -n 1)

echo "==> Sending the traces of a demo agent"
env -u TRACEFOUNDRY_URL -u TRACEFOUNDRY_TOKEN "$tracefoundry" demo --url "$api" --traces "$traces" \
    || failed "the demo traces could not be sent"

cat <<EOF

TraceFoundry is running.
    API and docs     $api/docs
    OTLP over HTTP   $otlp
    OTLP over gRPC   $grpc

See the traces:   .venv/bin/tracefoundry list --url $api
Send your own:    OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf OTEL_EXPORTER_OTLP_ENDPOINT=$otlp
                  in the environment of any program with an OpenTelemetry SDK

Ctrl-C stops it. The traces stay in $data/; 'make clean-data' removes them.
EOF
wait "$server" || failed "TraceFoundry ended by itself"
