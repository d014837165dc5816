"""The demo: traces of two small agents, as on a working day, recorded with the real SDK.

A new installation is empty. The demo fills it with typical traces: successful runs, slow tools,
retry storms, failed model calls, timeouts and long conversations, over several services,
environments, models and tools. The OpenTelemetry SDK makes the spans and its OTLP exporter sends
them, so the demo also tests the path of every user's spans.

Everything follows from a seed and a time. The same two give the same bytes, so a second run changes
nothing in a store. The modules in the order of the data: :mod:`~tracefoundry.demo.material` (texts,
models, tools), :mod:`~tracefoundry.demo.story` (planned spans on a clock that starts at 0),
:mod:`~tracefoundry.demo.steps` (what agents do), :mod:`~tracefoundry.demo.scenarios`,
:mod:`~tracefoundry.demo.recording` (plans to SDK spans), :mod:`~tracefoundry.demo.sending`.
"""
