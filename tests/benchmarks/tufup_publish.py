"""tufup's side of the publish row: one release among 100,000 archives, by its own functions.

    python tufup_publish.py FOLDER ARCHIVES ROUNDS

Runs in tufup's environment, so it imports nothing of ours. The archives that were there before are
listed as ``add_bundle`` lists them, without the files behind them. A round is what a person's
``tufup targets add`` does: read keys and roles, ``add_bundle`` of one small file (no patch: ours
makes deltas later, too), ``publish_changes``. Prints the seconds of each round as JSON.
"""

import json
import os
import sys
import time
from pathlib import Path

from tuf.api.metadata import TargetFile
from tufup.repo import Repository  # type: ignore[import-not-found] # in its environment only


def main(folder: str, archives: str, rounds: str) -> None:
    """Measure."""
    os.chdir(folder)
    repository = Repository(app_name="app", repo_dir="repository", keys_dir="keys")
    repository.initialize()
    repository.save_config()
    listed = repository.roles.targets.signed.targets
    for number in range(int(archives)):
        name = f"app-1.{number}.tar.gz"
        custom = {"custom": {"user": None, "tufup": {"required": False}}}
        listed[name] = TargetFile(1000, {"sha256": f"{number:064x}"}, name, custom)
    repository.publish_changes(private_key_dirs=["keys"])
    bundle = Path("bundle")
    bundle.mkdir()
    (bundle / "a").write_bytes(b"1")
    took = []
    for number in range(int(rounds)):
        began = time.perf_counter()
        repository = Repository.from_config()
        repository.add_bundle(bundle, f"2.{number}", skip_patch=True)
        repository.publish_changes(private_key_dirs=["keys"])
        took.append(time.perf_counter() - began)
        assert f"app-2.{number}.tar.gz" in Repository.from_config().roles.targets.signed.targets
    print(json.dumps(took))


if __name__ == "__main__":
    main(*sys.argv[1:])
