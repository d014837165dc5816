"""The command ``tracefoundry``: what runs the processes, and what reads them over HTTP.

:mod:`~tracefoundry.cli.app` assembles the commands. The reading commands (list, show, stats,
clear) know only the HTTP API, so they work on any instance that they can reach; the demo sends
OTLP like any other client. Modules are imported inside the commands where they are heavy: help
must come at once.
"""
