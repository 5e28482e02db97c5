"""What ends a release before there is one."""


class NoRelease(Exception):
    """There can be no release; with what to do about it."""
