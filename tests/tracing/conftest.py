"""Spans of this process, kept in memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient

from studyhall.client import Client
from studyhall.transport import Connection
from tests.api.people import Keyring, make_api, make_services
from tests.workers.conftest import configuration  # noqa: F401  # a fixture

Spans = Callable[[], dict[str, ReadableSpan]]


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    """Tracing is on; answers what has ended, by name."""
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    # OpenTelemetry lets a process choose once; a test is a process of its own in this respect.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return lambda: {span.name: span for span in kept.get_finished_spans()}


@pytest.fixture
def serving(sqlite_url: str) -> Callable[[], object]:
    """Starts the API and answers the SDK's client of it."""

    @contextmanager
    def start() -> Iterator[Client]:
        keyring = Keyring()
        with TestClient(make_api(make_services(sqlite_url), keyring)) as testing:
            connection = Connection("http://testserver", keyring.make("user"), transport=testing._transport)
            yield Client(connection=connection)

    return start
