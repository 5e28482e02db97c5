"""The other clients of the agent rows: a loop that polls one repository, as a program might.

    python polling_peer.py updater|tufup FOLDER URL SECONDS TARGET ...

``updater`` is python-tuf's ``Updater`` alone: it refreshes, and looks up the TARGETs by which a
client would see that there is something new. ``tufup`` asks its client for updates. FOLDER holds
``root.json``; both begin each poll from it and keep their metadata in between. Runs in the peers'
environments too, so it imports nothing of ours.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path


def updater(folder: Path, url: str, targets: list[str]) -> Callable[[], None]:
    """Refresh and look up."""
    from tuf.ngclient import Updater

    root = (folder / "root.json").read_bytes()
    cache = folder / "metadata"
    cache.mkdir(exist_ok=True)

    def poll() -> None:
        client = Updater(str(cache), f"{url}/metadata/", bootstrap=root)
        client.refresh()
        for target in targets:
            assert client.get_targetinfo(target) is not None

    return poll


def tufup(folder: Path, url: str, targets: list[str]) -> Callable[[], None]:
    """What tufup's documentation does at each start of a program."""
    from tufup.client import Client  # type: ignore[import-not-found] # in its environment only

    for name in ("metadata", "targets", "installed"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "metadata/root.json").write_bytes((folder / "root.json").read_bytes())

    def poll() -> None:
        client = Client(
            app_name="notes", app_install_dir=folder / "installed", current_version="1.0",
            metadata_dir=folder / "metadata", metadata_base_url=f"{url}/metadata/",
            target_dir=folder / "targets", target_base_url=f"{url}/targets/",
            refresh_required=True,
        )  # fmt: skip
        assert client.check_for_updates() is None
        assert len(client.trusted_target_metas) == 1

    return poll


def main(who: str, folder: str, url: str, seconds: str, *targets: str) -> None:
    """Poll until somebody ends this process."""
    poll = {"updater": updater, "tufup": tufup}[who](Path(folder), url, list(targets))
    while True:
        poll()
        time.sleep(float(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
