"""The services of infra/containers/compose.yaml as plain processes: its commands and environments.

What a container engine would do is done by names here: a service's address becomes a port of this
machine, a volume a folder, a read-only image the environment that tests run in. Databases and
buckets are the simulators'.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.simulators.debian_packages import unpacked
from tests.simulators.peers import start

FOLDER = Path(__file__).parents[2] / "infra" / "containers"
HOME = "/srv/hsp"
"""Of the server, in its image."""


def compose_file(variables: Mapping[str, str]) -> dict[str, Any]:
    """The file, with its variables filled in and its own patterns (``x-...``) left out.

    Raises:
        KeyError: a variable that must be given is not.
    """

    def value(found: re.Match[str]) -> str:
        name, default = found["name"], found["default"]
        return variables.get(name, default) if default is not None else variables[name]

    text = (FOLDER / "compose.yaml").read_text()
    pattern = r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)?\}"
    read: dict[str, Any] = yaml.safe_load(re.sub(pattern, value, text))
    return {name: part for name, part in read.items() if not name.startswith("x-")}


class Composed:
    """The services, started one by one; all end with the test.

    Args:
        addresses: what stands for an address in the file, such as ``postgres:5432/hsp`` or
            ``api-1:8700``.
        more: settings of every server, to be quick.
    """

    def __init__(
        self,
        folder: Path,
        file: Mapping[str, Any],
        addresses: Mapping[str, str],
        more: Mapping[str, str],
    ) -> None:
        self._folder, self._services = folder, file["services"]
        self._configs = file["configs"]
        self._addresses, self._more = addresses, more
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def volume(self, name: str) -> Path:
        """What a volume holds."""
        folder = self._folder / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # as in the image
        return folder

    def environment(self, service: str) -> dict[str, str]:
        """Of a service's processes."""
        given = {**{"HSP_HOME": HOME}, **self._services[service].get("environment", {})}
        mapped = {name: self._mapped(service, str(value)) for name, value in given.items()}
        if "HSP_LISTEN_PORT" in mapped:
            address = self._addresses[f"{service}:{mapped['HSP_LISTEN_PORT']}"]
            mapped["HSP_LISTEN_PORT"] = address.rpartition(":")[2]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self._folder), **mapped, **self._more}

    def start(self, service: str) -> None:
        """As ``docker compose up`` would."""
        [program, *words] = [
            self._mapped(service, word) for word in self._services[service]["command"]
        ]
        known = {"nginx": unpacked("nginx", "nginx") / "usr/sbin/nginx"}
        command = [known.get(program, Path(sys.executable).with_name(program)), *words]
        log = self._folder / f"{service}.log"
        self.processes[service] = start(command, self._folder, log, self.environment(service))

    def stop(self) -> None:
        """End all of them."""
        for process in self.processes.values():
            process.kill()
            process.wait()

    def _mapped(self, service: str, text: str) -> str:
        for mount, folder in self._mounts(service).items():
            text = re.sub(rf"{mount}(?=/|$)", str(folder), text)
        for address, ours in self._addresses.items():
            text = text.replace(address, ours)
        return text.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - it is replaced

    def _mounts(self, service: str) -> dict[str, Path]:
        """Where the folders and files of a container lie here."""
        known = self._services[service]
        named = [mount.split(":") for mount in known.get("volumes", [])]
        found = {parts[1]: self.volume(parts[0]) for parts in named}
        if HOME not in found:
            found[HOME] = self._folder / "homes" / service
        for inside, folder in found.items():
            if inside.startswith(f"{HOME}/"):  # a volume inside of the home
                link = found[HOME] / inside.removeprefix(f"{HOME}/")
                link.parent.mkdir(parents=True, exist_ok=True)
                if not link.is_symlink():
                    link.symlink_to(folder)
        for config in known.get("configs", []):
            found[config["target"]] = self._config(service, config["source"])
        return dict(sorted(found.items(), key=lambda each: -len(each[0])))

    def _config(self, service: str, name: str) -> Path:
        file = self._folder / f"{service}-{name}"
        if not file.exists():
            text = (FOLDER / self._configs[name]["file"]).read_text()
            for address, ours in self._addresses.items():
                text = text.replace(address, ours)
            own = self._folder / f"tmp-{service}"
            own.mkdir()
            listening = self._addresses.get(f"{service}:8080", "")
            text = text.replace("/tmp/", f"{own}/").replace("listen 8080", f"listen {listening}")  # noqa: S108
            file.write_text(text)
        return file
