"""The demo: two small agents whose traces look like a working day, made through the real SDK.

A new installation has nothing to show. The demo fills it with what people come to look at: good
runs, slow tools, retry storms, failed model calls, timeouts and long conversations, over several
services, environments, models and tools. The spans are made by the OpenTelemetry SDK and sent by
its own OTLP exporter, so the demo also proves the path that every user's spans take.

Everything follows from a seed and a time: the same two give the same bytes, so that a second run
changes nothing in a store. The folder reads in the order of the data:
:mod:`~tracefoundry.demo.material` (what is said), :mod:`~tracefoundry.demo.story` (a plan on a
clock of its own), :mod:`~tracefoundry.demo.steps` (what agents do), the scenarios,
:mod:`~tracefoundry.demo.recording` (plans to SDK spans), :mod:`~tracefoundry.demo.sending`.
"""
