"""Temporal: workflows and activities in one trace, and nothing twice when a workflow is replayed.

Temporal runs the code of a workflow again from its start whenever no worker has it in memory.
temporalio's own plugin carries the trace and keeps back what such a replay would send, provided
that the global tracer provider is its replay-safe one. :func:`plugin` makes it so, and keeps back
what the helpers of this SDK would send.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from tracefoundry_sdk import provider as providers
from tracefoundry_sdk import runtime
from tracefoundry_sdk.safety import logger, never_raises

if TYPE_CHECKING:
    from temporalio.contrib.opentelemetry import OpenTelemetryPlugin


def plugin(*, add_temporal_spans: bool = True) -> OpenTelemetryPlugin:
    """A plugin for ``Client.connect(plugins=[...])``; workers take it over from their client.

    Call it after ``quick_start`` and before tracers are made for workflows.

    Args:
        add_temporal_spans: also make spans of Temporal's own (``RunWorkflow:...``,
            ``StartActivity:...``, ``RunActivity:...``). Without them the trace is carried, and has
            only the spans that the code of workflows and activities makes.

    Raises:
        ImportError: temporalio is not installed (the extra ``temporal``).
    """
    from temporalio.contrib.opentelemetry import OpenTelemetryPlugin

    _make_global_provider_replay_safe()
    runtime.withhold_when(_withheld)
    made = OpenTelemetryPlugin(add_temporal_spans=add_temporal_spans)
    _let_sdk_through_sandbox(made)
    return made


@never_raises(None)
def _make_global_provider_replay_safe() -> None:
    from temporalio.contrib.opentelemetry import ReplaySafeTracerProvider, create_tracer_provider

    existing = trace.get_tracer_provider()
    if isinstance(existing, ReplaySafeTracerProvider):
        return
    if isinstance(existing, trace.ProxyTracerProvider):
        logger.warning(
            "TraceFoundry: call quick_start before temporal.plugin(), or its service is ignored"
        )
        trace.set_tracer_provider(create_tracer_provider(shutdown_on_exit=False))
    elif not providers.wrap_own_global_provider(_replay_safe):
        logger.warning(
            "TraceFoundry: the global tracer provider %s is not replay-safe, and is not ours; make "
            "it with temporalio.contrib.opentelemetry.create_tracer_provider()",
            type(existing).__name__,
        )


def _replay_safe(provider: TracerProvider) -> Any:
    """A provider with the ids that a replay makes again, and with spans that know of replays."""
    from temporalio.contrib.opentelemetry import ReplaySafeTracerProvider, create_tracer_provider

    generator = create_tracer_provider(
        shutdown_on_exit=False, id_generator=provider.id_generator
    ).id_generator()
    provider.id_generator = generator
    return ReplaySafeTracerProvider(provider, generator)


def _withheld(error: BaseException | None) -> bool:
    """The code is a replay, or the error fails a workflow task, which Temporal tries again."""
    from temporalio import workflow

    if not workflow.in_workflow():
        return False
    if workflow.unsafe.is_replaying_history_events():
        return True
    return isinstance(error, Exception) and not workflow.is_failure_exception(error)


def _let_sdk_through_sandbox(made: OpenTelemetryPlugin) -> None:
    """Workflows share this process's SDK.

    The sandbox imports modules anew for each workflow; a new SDK would know neither the provider
    nor what ``quick_start`` said about content.
    """
    from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

    chosen_by_temporal: Any = made.workflow_runner

    def choose(runner: Any) -> Any:
        chosen = chosen_by_temporal(runner)
        if not isinstance(chosen, SandboxedWorkflowRunner):
            return chosen
        restrictions = chosen.restrictions.with_passthrough_modules(
            "opentelemetry", "tracefoundry_sdk"
        )
        return dataclasses.replace(chosen, restrictions=restrictions)

    made.workflow_runner = choose
