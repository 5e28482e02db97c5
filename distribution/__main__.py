"""The program ``hsp``."""

import gc

_OBJECTS = 50_000
"""So many new ones before Python looks for garbage. Loading makes some hundred thousand that stay:
to look at them every 700 takes a quarter of a program's start."""


def main() -> None:
    """Run it."""
    gc.set_threshold(_OBJECTS)
    from distribution.cli import main as program

    program()


if __name__ == "__main__":
    main()
