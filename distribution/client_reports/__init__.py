"""A client's month: what was installed when, what went wrong, how long it took, what is held.

``month`` reads it out of the database, ``sheet`` puts it into words and tables in a language, and
``formats`` writes those as JSON, CSV, HTML or PDF. Nothing of another client is ever in it.
"""
