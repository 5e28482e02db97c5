"""What one engine has compiled serves the next.

A server has one engine, and compiles a statement once in its life. Tests open a server each, and
would spend a tenth of their time on compiling the same statements again. ``share()`` lets all
engines of a process that are of one kind have one dialect and one cache of what was compiled, which
is what the threads of one server do.
"""

import functools
from typing import Any

from sqlalchemy import Engine

from distribution.database import engines

_STATEMENTS = 5000
"""So many are kept: tests have more of them than a server."""
_first: dict[str, Engine] = {}


@functools.cache
def share() -> None:
    """From now on, in this process; more than one of the folders of tests asks for it."""
    create = engines.create_engine

    def created(*arguments: Any, **options: Any) -> Engine:
        engine = create(*arguments, query_cache_size=_STATEMENTS, **options)
        kind = engine.dialect.name
        if kind in _first and _first[kind].dialect.server_version_info:  # it knows its database
            engine.dialect = _first[kind].dialect
            engine._compiled_cache = _first[kind]._compiled_cache
        else:
            _first[kind] = engine
        return engine

    vars(engines)["create_engine"] = created
