"""Spans for a collector of OpenTelemetry, where the setting ``tracing_url`` names one.

The libraries are an extra (``tracing``): without the setting, nothing of them is imported, and a
span costs a call. What a caller says about traces is not taken over, as with request numbers.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from distribution.errors import Misconfigured

_Begin = Callable[[str, dict[str, Any]], AbstractContextManager[Any]]

_begin: _Begin | None = None


def span(name: str, **about: str | int) -> AbstractContextManager[Any]:
    """A part of the work, with what it is about; its parent is the span that it is inside of."""
    return nullcontext() if _begin is None else _begin(name, about)


@contextmanager
def sent_to(url: str) -> Iterator[None]:
    """Inside of this, spans go to the collector at ``url`` (OTLP over HTTP); empty: nowhere.

    Raises:
        Misconfigured: the extra is not installed.
    """
    global _begin
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
    tracer = provider.get_tracer("hsp-distribution")
    _begin = lambda name, about: tracer.start_as_current_span(  # noqa: E731 - it is one call
        name, attributes={f"hsp.{key}": value for key, value in about.items()}
    )
    try:
        yield
    finally:
        _begin = None
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
