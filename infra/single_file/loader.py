"""What ``hsp-updater``, the single file, does first: this is its ``__main__``.

It unpacks the file next to it into a folder named by its hash, unless that is there, and becomes
the agent: by exec, so that nothing of the loader stays in memory.
"""

import json
import os
import shutil
import stat
import sys
import zipfile
import zlib
from pathlib import Path

KEPT = 3
"""Of the folders of other versions: the agent of before must start at once too."""

_RUN = (
    "import sys; sys.path.insert(0, {site!r}); sys.argv[0] = 'hsp-updater'; "
    "from client_updater.cli import main; main()"
)


def main() -> None:
    """Unpack and become the agent."""
    archive = Path(sys.argv[0]).resolve()
    with zipfile.ZipFile(archive) as file:
        about = json.loads(file.read("about.json"))
        if list(sys.version_info[:2]) != about["python"]:
            wanted = ".".join(map(str, about["python"]))
            sys.exit(
                f"Error: this hsp-updater is for Python {wanted}, "
                f"and {sys.executable} is {sys.version.split()[0]}."
            )
        site = _unpacked(file, about["files"], _cache(), about["id"])
    words = ["-I", "-S", "-c", _RUN.format(site=str(site)), *sys.argv[1:]]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 - the interpreter that runs


def _cache() -> Path:
    """A folder that nobody else can write to."""
    named = os.environ.get("HSP_UPDATER_CACHE")
    if named:
        cache = Path(named)
    elif os.geteuid() == 0:
        cache = Path("/var/cache/hsp-updater")
    else:
        cache = Path.home() / ".cache/hsp-updater"
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = cache.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        sys.exit(f"Error: {cache} is not a folder that only this user can write to.")
    return cache


def _unpacked(file: zipfile.ZipFile, files: dict[str, int], cache: Path, name: str) -> Path:
    site = cache / name
    if not site.is_dir():
        new = cache / f".{name}.{os.getpid()}"
        try:
            _write(file, files, new)
            os.sync()  # a folder that has its name is whole, also after a power loss
            new.rename(site)
        except OSError as error:
            if not site.is_dir():  # somebody else was not faster either
                sys.exit(f"Error: {cache} cannot be written: {error.strerror}.")
        except (KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            sys.exit(f"Error: this hsp-updater is damaged: {error}.")
        finally:
            shutil.rmtree(new, ignore_errors=True)
        _forget_old(cache, site)
    return site


def _write(file: zipfile.ZipFile, files: dict[str, int], folder: Path) -> None:
    """Write what is listed, below ``folder`` and nowhere else; what else lies in the file stays."""
    for name, size in files.items():
        parts = name.split("/")
        if not all(parts) or {".", ".."} & set(parts) or "\0" in name:
            sys.exit(f"Error: this hsp-updater is damaged: it names {name!r}.")
        path = folder.joinpath(*parts)
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with file.open(name) as source, path.open("xb") as target:
            shutil.copyfileobj(source, target)
            if target.tell() != size:
                sys.exit(f"Error: this hsp-updater is damaged: {name} has {target.tell()} bytes.")


def _forget_old(cache: Path, site: Path) -> None:
    """Keep the newest others; which of them somebody runs is not known here."""
    others = [path for path in cache.iterdir() if path.is_dir() and path != site]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
