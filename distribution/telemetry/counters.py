"""What this process has done, counted in its memory: each server answers its own.

A restart begins at zero, which Prometheus expects of counters. No figure names a client, a site or
a person.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY = CollectorRegistry()

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_REQUESTS = Counter(
    "hsp_requests", "Requests answered, by route and by status.", ["route", "status"],
    registry=REGISTRY,
)  # fmt: skip
_REQUEST_SECONDS = Histogram(
    "hsp_request_seconds", "How long they took.", ["route"], buckets=_SECONDS, registry=REGISTRY
)
_STEP_SECONDS = Histogram(
    "hsp_step_seconds", "How long the scheduler's steps took.", ["step"],
    buckets=_SECONDS, registry=REGISTRY,
)  # fmt: skip
_STEP_FAILURES = Counter(
    "hsp_step_failures", "Steps of the scheduler that could not go on.", ["step"],
    registry=REGISTRY,
)  # fmt: skip


def request(route: str, status: int, seconds: float) -> None:
    """A request was answered. ``route`` is a pattern, so that there are few of them."""
    _REQUESTS.labels(route, str(status)).inc()
    _REQUEST_SECONDS.labels(route).observe(seconds)


def answered(route: str, status: int) -> Callable[[float], None]:
    """``request`` made ready for one route and status: it gets the seconds."""
    count, took = _REQUESTS.labels(route, str(status)), _REQUEST_SECONDS.labels(route)

    def one(seconds: float) -> None:
        count.inc()
        took.observe(seconds)

    return one


@contextmanager
def step(name: str) -> Iterator[None]:
    """A step of the scheduler, from its beginning to its end."""
    began = time.perf_counter()
    try:
        yield
    except Exception:
        _STEP_FAILURES.labels(name).inc()
        raise
    finally:
        _STEP_SECONDS.labels(name).observe(time.perf_counter() - began)
