"""The demo: traces of two small agents, as on a working day, recorded with our own Python SDK.

A new installation is empty. The demo fills it with typical traces: successful runs, slow tools,
retry storms, failed model calls, timeouts, long conversations, parallel tools, a sub-agent in
another service, streamed replies, and a run that is still going on. The agents are traced with the
helpers of ``tracefoundry_sdk``, on a simulated clock, and OpenTelemetry's OTLP exporter sends the
spans. So the demo shows what an agent's code looks like, and tests the path of every user's spans.

Everything follows from a seed and a time. The same two give the same bytes, so a second run changes
nothing in a store. The modules in the order of the data: :mod:`~tracefoundry.demo.material` (texts,
models, tools), :mod:`~tracefoundry.demo.simulation` (clock and services),
:mod:`~tracefoundry.demo.replies` (what models answer), :mod:`~tracefoundry.demo.steps` (what agents
do), :mod:`~tracefoundry.demo.scenarios`, :mod:`~tracefoundry.demo.recording` (scenarios to spans),
:mod:`~tracefoundry.demo.sending`.
"""
