"""Spans for a collector of OpenTelemetry, where the setting ``tracing_url`` names one.

The libraries are an extra (``tracing``): without the setting, nothing of them is imported, and a
span costs a call. What a caller says about traces is not taken over, as with request numbers.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from distribution.errors import Misconfigured

_tracer: Any = None
"""OpenTelemetry's, while there is a collector."""


def span(name: str, **about: str | int) -> AbstractContextManager[Any]:
    """A part of the work, with what it is about; its parent is the span that it is inside of."""
    if _tracer is None:
        return nullcontext()
    begun: AbstractContextManager[Any] = _tracer.start_as_current_span(
        name, attributes={f"hsp.{key}": value for key, value in about.items()}
    )
    return begun


def answered(name: str, seconds: float) -> None:
    """A request that was answered with 200 just now, after so long, and has no parts.

    A span is made of it afterwards, so that without a collector it costs one look.
    """
    if _tracer is None:
        return
    now = time.time_ns()
    span = _tracer.start_span(name, start_time=now - int(seconds * 1e9))
    span.set_attribute("http.response.status_code", 200)
    span.end(now)


@contextmanager
def sent_to(url: str) -> Iterator[None]:
    """Inside of this, spans go to the collector at ``url`` (OTLP over HTTP); empty: nowhere.

    Raises:
        Misconfigured: the extra is not installed.
    """
    global _tracer
    if not url:
        yield
        return
    try:
        provider = _provider(url)
    except ImportError as error:
        raise Misconfigured(
            f"tracing_url needs the package {error.name}",
            hint="pip install 'hsp-distribution[server,tracing]', or take the setting away",
        ) from error
    _tracer = provider.get_tracer("hsp-distribution")
    try:
        yield
    finally:
        _tracer = None
        provider.shutdown()


def _provider(url: str) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "hsp"}))
    exporter = OTLPSpanExporter(endpoint=f"{url.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
