"""OpenTelemetry traces, from the POST of a study to the steps of its trainings. Off unless asked for.

A study keeps the `traceparent` (W3C Trace Context) of the request that made it, claims hand it on, and every attempt at
a trial is a span below it, with a span for each step that it reports. What an attempt sends carries its span, so that
the server's requests are below the attempt. Processes of ours export over OTLP when STUDYHALL_TRACING is set; a script
that has set up OpenTelemetry itself gets the spans of its `study.ask()` in its own traces.

Why not an instrumentation of the HTTP libraries: it sees requests, and no trial, attempt or step.

Nothing of OpenTelemetry is imported while it is off: what is left is one look into `sys.modules` a request.
"""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from studyhall.errors import InvalidInput
from studyhall.wire.claims import ClaimedTrial

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanKind, Tracer

SWITCH: Final = "STUDYHALL_TRACING"
HEADER: Final = "traceparent"
IN_ONE_TRACE: Final = 1000
"""So many trials of a study are in its trace; later ones have a trace each, linked to it: viewers and stores of traces
have their limits."""
MOST_STEPS: Final = 1000
"""So many steps of an attempt are spans; the attempt tells how many there were."""
LONGEST_REASON: Final = 1000
Attributes = Mapping[str, str | int | float | bool]


def is_wanted() -> bool:
    """Whether the environment asks for traces."""
    return os.environ.get(SWITCH, "").lower() in ("1", "true", "yes", "on")


def start(service: str) -> None:
    """Exports this process's spans over OTLP (HTTP), as OpenTelemetry's own variables say where to (`OTEL_...`).

    Raises:
        InvalidInput: OpenTelemetry is not installed.
    """
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise InvalidInput(f"tracing needs OpenTelemetry: pip install 'studyhall[tracing]' ({error})") from None
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": service}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def tracer() -> "Tracer | None":
    """What makes spans in this process; None when nobody would get them."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None or isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return None
    found: Tracer = trace.get_tracer("studyhall")
    return found


def current() -> str | None:
    """The `traceparent` of what this process does now; None outside of any trace."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    here = trace.get_current_span().get_span_context()
    return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}" if here.is_valid else None


def to_environment() -> dict[str, str]:
    """What tells a child process where its own spans belong, as OpenTelemetry has it; nothing outside of a trace."""
    here = current()
    return {} if here is None else {HEADER.upper(): here}


@contextmanager
def span(
    name: str, attributes: Attributes, *, parent: str | None = None, kind: "SpanKind | None" = None
) -> Iterator["Span | None"]:
    """While entered, what this thread or task does is a span below the parent.

    Args:
        parent: a `traceparent`; one that is none makes a trace of its own. None: what is done now is the parent.
    """
    making = tracer()
    if making is None:
        yield None
        return
    from opentelemetry.trace import SpanKind

    with making.start_as_current_span(
        name,
        context=None if parent is None else context_of(parent),
        kind=kind or SpanKind.INTERNAL,
        attributes=dict(attributes),
    ) as made:
        yield made


def context_of(traceparent: str | None) -> "Context":
    """The context that a `traceparent` names; an empty one for none, and for what is none."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {} if traceparent is None else {HEADER: traceparent}
    return TraceContextTextMapPropagator().extract(carrier, context=Context())


class AttemptTrace:
    """The span of one attempt at a trial, and below it one for each step. Does nothing while tracing is off."""

    def __init__(self, claimed: ClaimedTrial) -> None:
        making = tracer()
        self._tracer = making
        self._span = None if making is None else _span_of(claimed, making)
        self._steps = 0
        self._since_ns = time.time_ns()

    @contextmanager
    def active(self) -> Iterator[None]:
        """While entered, what this thread or task does belongs to the attempt."""
        if self._span is None:
            yield
            return
        from opentelemetry.trace import use_span

        with use_span(self._span, record_exception=False, set_status_on_exception=False):
            yield

    def begin(self) -> None:
        """The training begins: its first step is timed from now."""
        self._since_ns = time.time_ns()

    def step(self, step: int, metrics: Mapping[str, float]) -> None:
        """A step has been reported; it began when the one before it was."""
        if self._span is None or self._tracer is None:
            return
        from opentelemetry.trace import set_span_in_context

        began, self._since_ns = self._since_ns, time.time_ns()
        self._steps += 1
        if self._steps > MOST_STEPS:
            return
        facts = {"studyhall.step": step} | {f"studyhall.metric.{name}": value for name, value in metrics.items()}
        below = set_span_in_context(self._span)
        self._tracer.start_span(f"step {step}", below, start_time=began, attributes=facts).end(self._since_ns)

    def note(self, outcome: str, reason: str | None = None, *, failed: bool = False) -> None:
        """How the attempt has ended."""
        if self._span is None:
            return
        from opentelemetry.trace import StatusCode

        self._span.set_attributes({"studyhall.outcome": outcome, "studyhall.steps": self._steps})
        if reason:
            self._span.set_attribute("studyhall.reason", reason[:LONGEST_REASON])
        if failed:
            self._span.set_status(StatusCode.ERROR, reason and reason[:LONGEST_REASON])

    def end(self) -> None:
        """Nothing more belongs to the attempt."""
        if self._span is not None:
            self._span.end()
            self._span = None


def _span_of(claimed: ClaimedTrial, making: "Tracer") -> "Span":
    from opentelemetry import trace

    trial, study = claimed.trial, claimed.study
    of_study = context_of(study.traceparent)
    known = trace.get_current_span(of_study).get_span_context()
    is_below = known.is_valid and trial.number < IN_ONE_TRACE
    facts: dict[str, Any] = {
        "studyhall.study": study.name,
        "studyhall.trial": trial.id,
        "studyhall.number": trial.number,
        "studyhall.attempt": claimed.attempt,
        "studyhall.source": trial.source,
    }
    return making.start_span(
        f"trial {trial.number}",
        of_study if is_below else trace.set_span_in_context(trace.INVALID_SPAN),
        links=[trace.Link(known)] if known.is_valid and not is_below else None,
        attributes=facts | {f"studyhall.parameter.{name}": _told(value) for name, value in trial.parameters.items()},
    )


def _told(value: Any) -> str | int | float | bool:
    return value if isinstance(value, str | int | float | bool) else str(value)
