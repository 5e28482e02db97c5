"""ONE WAY INTO THE DATABASE, SQLite in the home or PostgreSQL by URL.

``sessions`` opens what reads and what writes; ``engines`` knows how the two differ, ``schema``
which revision the tables are of (``distribution.migrations`` has the steps). ``tables`` is what all
parts share; parts with tables of their own keep them beside their code (``*_tables``, ``tables``),
made of the same ``columns``; ``every_table`` knows all of them. ``many_rows`` sends many in one
statement.
"""
