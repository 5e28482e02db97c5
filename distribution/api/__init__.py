"""The HTTP API under ``/v1``: thin routes over the domain.

Entry point: ``application(server)``. Sites sign their messages; staff send a bearer token; the
static repository of a directory store is open to all, since it is signed. A domain function never
knows of HTTP: ``answers`` turns its errors into one shape.
"""

from distribution.api.application import application

__all__ = ["application"]
