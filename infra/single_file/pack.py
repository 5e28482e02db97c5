"""Packs a folder of installed packages into one executable file; the same folder, the same bytes.

python -m infra.single_file.pack SITE TARGET PYTHON
"""

import hashlib
import json
import sys
import zipfile
from pathlib import Path

_EPOCH = (2020, 1, 1, 0, 0, 0)
_SHEBANG = b"#!/usr/bin/env python3\n"


def pack(site: Path, target: Path, python: str) -> None:
    """Write ``target`` with everything in ``site``, for a Python such as ``3.11``."""
    files = sorted(path for path in site.rglob("*") if path.is_file())
    contents = {str(path.relative_to(site)): path.read_bytes() for path in files}
    digest = hashlib.sha256()
    for name, content in contents.items():
        digest.update(f"{name} {len(content)}\n".encode() + content)
    about = {
        "id": digest.hexdigest()[:32],
        "python": [int(part) for part in python.split(".")[:2]],
        "files": {name: len(content) for name, content in contents.items()},
    }
    contents["about.json"] = json.dumps(about).encode()
    contents["__main__.py"] = Path(__file__).with_name("loader.py").read_bytes()
    with target.open("wb") as raw:
        raw.write(_SHEBANG)
        with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
            for name in sorted(contents):
                file.writestr(_member(name), contents[name])
    target.chmod(0o755)


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _EPOCH)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o100644 << 16
    return member


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
