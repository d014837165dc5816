"""A real single-node Kubernetes for end-to-end tests, on a machine without Docker.

The programs are built from pinned Go modules (``programs``); everything runs in a network and
mount namespace of its own (``namespaces``), so that no packet leaves and no mount leaks, and ends
by process id (``processes``). ``python -m cluster up|down|status`` from the folder above.
"""
