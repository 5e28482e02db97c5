"""Debian packages: what is in a ``.deb``, what is installed, and dpkg itself.

dpkg runs without questions, keeps configuration files that the site has changed, and has a
deadline. ``root`` is another system than this one, as ``dpkg --root`` means it: for tests.
"""

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from client_updater import commands
from client_updater.commands import Order
from client_updater.errors import Incompatible, InstallFailed
from client_updater.programs import minimal_environment

_QUERY_SECONDS = 60.0
_LOCKED = re.compile(rb"(dpkg|apt)[^\n]*lock|[Cc]ould not get lock")
_LOCK_PAUSE_SECONDS = 2.0
_MOST_SAID_BYTES = 64 * 1024
_KEEP_CONFIGURATION = ("--force-confold", "--force-confdef")
_ADMIN = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "NEEDRESTART_MODE": "l",
    "LC_ALL": "C.UTF-8",
}


@dataclass(frozen=True)
class Package:
    """One package, as its own control file says."""

    name: str
    version: str
    architecture: str
    deb: Path

    @property
    def cached_name(self) -> str:
        """What apt calls its copy."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"


@dataclass(frozen=True)
class Dpkg:
    """dpkg of one system."""

    log: Path
    root: Path | None = None

    def read(self, deb: Path) -> Package:
        """What a ``.deb`` is.

        Raises:
            InstallFailed: it is none, or dpkg is not there.
        """
        fields = "${Package}\\n${Version}\\n${Architecture}\\n"
        status, text = self._ask("dpkg-deb", "--show", f"--showformat={fields}", str(deb))
        lines = text.splitlines()
        if status != 0 or len(lines) != 3:
            raise InstallFailed(f"{deb.name} is not a Debian package")
        name, version, architecture = lines
        return Package(name, version, architecture, deb)

    def installed(self, name: str) -> Package | None:
        """What is installed under this name, whole; None for nothing, or for less than that.

        Raises:
            InstallFailed: dpkg is not there.
        """
        fields = "${db:Status-Abbrev}\\n${Version}\\n${Architecture}\\n"
        status, text = self._ask(
            "dpkg-query", *self._rooted, "--show", f"--showformat={fields}", name
        )
        lines = text.splitlines()
        if status != 0 or len(lines) < 3 or not lines[0].startswith("ii"):
            return None
        return Package(name, lines[1], lines[2], Path())

    def cached(self, package: Package) -> Path | None:
        """apt's own copy of an installed package, if it still has one and it is that one."""
        path = (self.root or Path("/")) / "var/cache/apt/archives" / package.cached_name
        if not path.is_file():
            return None
        found = self.read(path)
        return path if (found.name, found.version) == (package.name, package.version) else None

    def install(self, debs: Sequence[Path], missing: str, seconds: float) -> None:
        """Install packages, in place of any other version of them.

        Raises:
            InstallFailed: it does not work, or takes too long.
        """
        if missing == "apt":
            self._change(seconds, *self._apt, "install", *map(str, debs))
        else:
            self._change(seconds, *self._dpkg, *_KEEP_CONFIGURATION, "--install", *map(str, debs))

    def remove(self, names: Iterable[str], seconds: float) -> None:
        """Remove packages, except for their configuration.

        Raises:
            InstallFailed: it does not work, or takes too long.
        """
        there = list(names)
        if there:
            self._change(seconds, *self._dpkg, "--remove", *there)

    def check(self, packages: Iterable[Package]) -> None:
        """See that exactly these are installed, and that their files are what they brought.

        Raises:
            InstallFailed: names the first that is not.
        """
        for package in packages:
            found = self.installed(package.name)
            if found is None or found.version != package.version:
                there = found.version if found else "not, or not whole"
                raise InstallFailed(
                    f"{package.name} is installed as {there}, expected {package.version}"
                )
            damaged = self.differences(package.name)
            if damaged:
                raise InstallFailed(f"{package.name}: {damaged[0]} is not what it brought")

    def differences(self, name: str) -> list[str]:
        """Files of an installed package that were changed; configuration is the site's own."""
        _, text = self._ask("dpkg", *self._rooted, "--verify", name)
        lines = [line.split() for line in text.splitlines()]
        return [words[-1] for words in lines if len(words) >= 2 and words[1] != "c"]

    @property
    def _rooted(self) -> tuple[str, ...]:
        return () if self.root is None else (f"--root={self.root}",)

    @property
    def _dpkg(self) -> tuple[str, ...]:
        # In another root there is no shell for the packages' scripts: they run out here.
        return ("dpkg", *self._rooted, *(("--force-script-chrootless",) if self.root else ()))

    @property
    def _apt(self) -> tuple[str, ...]:
        if self.root is not None:
            raise Incompatible("apt cannot work in another root; packages must bring everything")
        kept = (f"--option=Dpkg::Options::={option}" for option in _KEEP_CONFIGURATION)
        return (
            *("apt-get", "--yes", "--no-install-recommends", "--allow-downgrades"),
            *kept,
        )

    def _change(self, seconds: float, *words: str) -> None:
        """Run what changes the system; while somebody else does so, wait for them."""
        deadline = time.monotonic() + seconds
        while True:
            left = max(deadline - time.monotonic(), 1.0)
            said_before = _size(self.log)
            status = commands.run(self._order(words, left))
            if status == 0:
                return
            is_locked = _LOCKED.search(_said_since(self.log, said_before))
            if not is_locked or time.monotonic() + _LOCK_PAUSE_SECONDS >= deadline:
                raise InstallFailed(f"{words[0]} ended with status {status}", hint=_HINT)
            time.sleep(_LOCK_PAUSE_SECONDS)

    def _ask(self, *words: str) -> tuple[int, str]:
        return commands.ask(self._order(words, _QUERY_SECONDS))

    def _order(self, words: Sequence[str], seconds: float) -> Order:
        base = minimal_environment()
        path = f"{base['PATH']}:/usr/local/sbin:/usr/sbin:/sbin"
        return Order(words, Path("/"), {**base, **_ADMIN, "PATH": path}, seconds, self.log)


_HINT = "its output is in the report; it can be tried by hand with 'dpkg --install'"


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _said_since(log: Path, size: int) -> bytes:
    try:
        with log.open("rb") as file:
            file.seek(size)
            return file.read(_MOST_SAID_BYTES)
    except OSError:
        return b""
