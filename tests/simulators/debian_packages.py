"""Programs that only Debian has, unpacked into a folder of ``build/peers``: without root, once."""

from pathlib import Path

from tests.simulators.peers import peer, run


def unpacked(name: str, *packages: str) -> Path:
    """The folder in which these packages lie as in ``/``, fetched if it is missing.

    Raises:
        RuntimeError: they cannot be had.
    """
    return peer(name, lambda folder: _fetch(folder, packages))


def _fetch(folder: Path, packages: tuple[str, ...]) -> None:
    what = " and ".join(packages)
    options: tuple[str, ...] = ()
    try:
        _download(what, folder, packages, options)
    except RuntimeError:  # the machine's own lists are missing or old
        options = _own_lists(folder / "apt")
        run(f"apt-get update for {what}", ["apt-get", *options, "update"], folder)
        _download(what, folder, packages, options)
    for package in sorted(folder.glob("*.deb")):
        run(f"unpacking {what}", ["dpkg-deb", "-x", package, folder], folder)
        package.unlink()


def _download(what: str, folder: Path, packages: tuple[str, ...], options: tuple[str, ...]) -> None:
    run(f"fetching Debian's {what}", ["apt-get", *options, "download", *packages], folder)


def _own_lists(folder: Path) -> tuple[str, ...]:
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True)
    places = {"Dir::State::lists": folder / "lists", "Dir::Cache": folder / "cache"}
    return tuple(part for name, place in places.items() for part in ("-o", f"{name}={place}"))
