"""Pairs of real successive releases, fetched from the registries by version and hash.

They were chosen by what they are, before anything of them was measured: thirteen of the registries'
most used packages of every size, then seven more because releases of that size are what companies
ship: the best known of each registry whose tar has between 1 and 32 MB (numpy's has 56), two
successive releases each; of a Debian package the two that its archive holds.
"""

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("build/corpus")


@dataclass(frozen=True)
class Package:
    """One file of a registry."""

    registry: str
    name: str
    version: str
    sha256: str

    @property
    def folder(self) -> Path:
        """Where it lies, and where its files are unpacked to."""
        return FOLDER / f"{self.name}-{self.version}"


def _pair(
    registry: str, name: str, old: tuple[str, str], new: tuple[str, str]
) -> tuple[Package, Package]:
    return Package(registry, name, *old), Package(registry, name, *new)


PAIRS = (
    _pair(
        "debian",
        "curl",
        ("7.88.1-10+deb12u5", "e3f80e7399b9ea2e78eaf68a96db7062ca1c22717f63437198464d2eee66d650"),
        ("7.88.1-10+deb12u15", "0dd9b6bf7a0bd11af2d68a52ec44c2a223fa7c11f9104c36ce1047e1137d4a8f"),
    ),
    _pair(
        "debian",
        "jq",
        ("1.6-2.1+deb12u2", "f2303584378ac85f6d3a9ae8e46412196061681e81610d3b020abe4b5d389eb0"),
        ("1.6-2.1+deb12u3", "c25f3fda201207ed98b1d63686f2d81b9dfeb99f1ab2d1d35fb3f7b6a1c107dc"),
    ),
    _pair(
        "debian",
        "nginx",
        ("1.22.1-9+deb12u9", "4e7b52f8b31f26d77ffb5c427c41e36223e81b047242ecfa8dc1d7f939734885"),
        ("1.22.1-9+deb12u11", "4e2778e675c07d0f2d8d3b6f5ff84f6483ade1d82c21c910eb9a2787e1cf1b1a"),
    ),
    _pair(
        "debian",
        "openssl",
        ("3.0.20-1~deb12u2", "4d218561dc838de081de97f54584c4a29e77e26c7ed9fe3440d776d8e6071bf9"),
        ("3.0.22-1~deb12u2", "5cdf0b735b1c8a96ae0bf83ed328c83c2170f8320dedb035e98705b60b2d0cfe"),
    ),
    _pair(
        "debian",
        "postgresql-client-15",
        ("15.18-0+deb12u1", "fc98076d378231baac95d6eae09a3e01730cd706f4d00bbcda6ba580d38355a1"),
        ("15.20-0+deb12u1", "779332f35a5adc7c97376a7bb6dd8a6a6b48f594953f01eecfaead2eab09dab1"),
    ),
    _pair(
        "npm",
        "express",
        ("4.21.0", "b286ac08db99b23b0df74a453aff20839e8ab657650849c76ee04ddfb73e8fe0"),
        ("4.21.1", "4097da0999b7078263460df02b0990244794d84e79e185e6d4ff50ce06d79462"),
    ),
    _pair(
        "npm",
        "lodash",
        ("4.17.20", "d2aa8c6afc3c8591765785a37d1c5acae482a8eb3ab9729ed28922692454f2e2"),
        ("4.17.21", "6a087ac9e5702a0c9d60fbcd48696012646ec8df1491dea472b150e79fcaf804"),
    ),
    _pair(
        "npm",
        "react-dom",
        ("18.2.0", "20a71e86b691f860c781f3732a85c7b3c63c4d3d9a803dca9dfe6ed0eb30e2ef"),
        ("18.3.1", "031d4427a99f2f3f6cac18bbbf308594a67e4f47d10f4896fdec446505b040e0"),
    ),
    _pair(
        "npm",
        "typescript",
        ("5.6.2", "6e954963e7689a13573927021cf1fe2d7f85d7808eba49f03f84cb5d77cdd6bf"),
        ("5.6.3", "ef67f8d8ad895858024b7339d3e34bf112cae3c5db1f538c3079038b17ae30fa"),
    ),
    _pair(
        "npm",
        "webpack",
        ("5.97.0", "5f9ce9cb87f49db3430030db450f33c87f54d39797649c62f0608bdbf7178015"),
        ("5.97.1", "5ac150425eeac3e36d45321024bb365d86c313f64c32f623c7845fb48bff371a"),
    ),
    _pair(
        "pypi",
        "bottle",
        ("0.13.3", "551709073d750d2e88ade05915f0d5dbbbcb8e1d82573fbe85a0635eb842ab07"),
        ("0.13.4", "045684fbd2764eac9cdeb824861d1551d113e8b683d8d26e296898d3dd99a12e"),
    ),
    _pair(
        "pypi",
        "click",
        ("8.1.7", "ae74fb96c20a0277a1d615f1e4d73c8414f5a98db8b799a7931d1582f3390c28"),
        ("8.1.8", "63c132bbbed01578a06712a2d1f497bb62d9c1c0d329b7903a866228027263b2"),
    ),
    _pair(
        "pypi",
        "cryptography",
        ("44.0.0", "f53c2c87e0fb4b0c00fa9571082a057e37690a8f12233306161c8f4b819960b7"),
        ("44.0.1", "53f23339864b617a3dfc2b0ac8d5c432625c80014c25caac9082314e9de56f41"),
    ),
    _pair(
        "pypi",
        "django",
        ("5.1.3", "8b38a9a12da3ae00cb0ba72da985ec4b14de6345046b1e174b1fd7254398f818"),
        ("5.1.4", "236e023f021f5ce7dee5779de7b286565fdea5f4ab86bae5338e3f7b69896cf0"),
    ),
    _pair(
        "pypi",
        "grpcio",
        ("1.68.0", "8b0ff09c81e3aded7a183bc6473639b46b6caa9c1901d6f5e2cba24b95e59e30"),
        ("1.68.1", "298ee7f80e26f9483f0b6f94cc0a046caf54400a11b644713bb5b3d8eb387600"),
    ),
    _pair(
        "pypi",
        "lxml",
        ("5.3.0", "eec1bb8cdbba2925bedc887bc0609a80e599c75b12d87ae42ac23fd199445654"),
        ("5.3.1", "1b6f92e35e2658a5ed51c6634ceb5ddae32053182851d8cad2a5bc102a359b33"),
    ),
    _pair(
        "pypi",
        "pillow",
        ("11.0.0", "45c566eb10b8967d71bf1ab8e4a525e5a93519e29ea071459ce517f6b903d7fa"),
        ("11.1.0", "837060a8599b8f5d402e97197d4924f05a2e0d68756998345c829c33186217b1"),
    ),
    _pair(
        "pypi",
        "pydantic-core",
        ("2.27.1", "acc07b2cfc5b835444b44a9956846b578d27beeacd4b52e45489e93276241025"),
        ("2.27.2", "1c1fd185014191700554795c99b347d64f2bb637966c4cfc16998a0ca700d048"),
    ),
    _pair(
        "pypi",
        "requests",
        ("2.32.2", "fc06670dd0ed212426dfeb94fc1b983d917c4f9847c863f313c9dfaaffb7c23c"),
        ("2.32.3", "70761cfe03c773ceb22aa2f671b4757976145175cdfca038c02654d061d6dcc6"),
    ),
    _pair(
        "pypi",
        "sqlalchemy",
        ("2.0.35", "627dee0c280eea91aed87b20a1f849e9ae2fe719d52cbf847c0e0ea34464b3f7"),
        ("2.0.36", "2519f3a5d0517fc159afab1015e54bb81b4406c278749779be57a569d8d1bb0d"),
    ),
)


def fetch(package: Package) -> Path:
    """The folder with the package's files, fetched and unpacked if they are not there yet.

    Raises:
        SystemExit: the registry's file is not the one that was measured before.
    """
    files = package.folder / "files"
    if files.exists():
        return files
    package.folder.mkdir(parents=True, exist_ok=True)
    archive = _FETCH[package.registry](package)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != package.sha256:
        sys.exit(f"{archive.name} has sha256 {found}, expected {package.sha256}")
    _unpack(archive, files)
    return files


def _wheel(package: Package) -> Path:
    wanted = f"{package.name}=={package.version}"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
    ]
    subprocess.run([*pip, "--dest", package.folder, wanted], check=True)
    return next(package.folder.glob("*.whl"))


def _npm(package: Package) -> Path:
    command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    subprocess.run(command, cwd=package.folder, check=True, stdout=subprocess.DEVNULL)
    return next(package.folder.glob("*.tgz"))


def _deb(package: Package) -> Path:
    command = ["apt-get", "download", "-qq", f"{package.name}={package.version}"]
    if subprocess.run(command, cwd=package.folder, check=False).returncode:
        subprocess.run(["apt-get", "update", "-qq"], check=False)  # its lists may be old
        subprocess.run(command, cwd=package.folder, check=True)
    return next(package.folder.glob("*.deb"))


_FETCH: dict[str, Callable[[Package], Path]] = {"pypi": _wheel, "npm": _npm, "debian": _deb}


def _unpack(archive: Path, files: Path) -> None:
    """Write the regular files; the archives are known by their hashes, so this is plain."""
    unpacked = files.with_name("files.new")
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for member in wheel.infolist():
                if not member.is_dir():
                    _write(unpacked / member.filename, wheel.read(member))
    elif archive.suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", archive, unpacked], check=True)
        for path in unpacked.rglob("*"):
            if path.is_symlink():
                path.unlink()
    else:
        with tarfile.open(archive) as package:
            for member in package:
                content = package.extractfile(member) if member.isfile() else None
                if content is not None:
                    _write(unpacked / member.name, content.read())
    unpacked.rename(files)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
