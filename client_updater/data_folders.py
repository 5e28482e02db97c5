"""Which folders with a client's data a release may change: those that the site's policy lists."""

from pathlib import Path, PurePosixPath

from client_updater.errors import Incompatible
from client_updater.values import Values, fill
from manifests.install import plain_folder
from manifests.release import ReleaseManifest
from manifests.site import SitePolicy


def data_folders(manifest: ReleaseManifest, policy: SitePolicy, values: Values) -> tuple[Path, ...]:
    """The folders of a release at this site, outermost first, none inside another.

    Raises:
        Incompatible: one is no plain path, or is neither listed nor below one that is.
    """
    allowed = [PurePosixPath(each) for each in policy.data_folders.get(manifest.product, ())]
    found: list[Path] = []
    for text in sorted(fill(folder, values) for folder in manifest.data_folders):
        path = _checked(text, manifest)
        if not any(path.is_relative_to(folder) for folder in allowed):
            raise Incompatible(
                f"{manifest.product} {manifest.version} changes data in {text}, "
                "and this site's policy does not allow that",
                hint=f'allow it under [data_folders] in site.toml: {manifest.product} = ["{text}"]',
            )
        if not any(path.is_relative_to(folder) for folder in found):
            found.append(path)
    return tuple(found)


def _checked(text: str, manifest: ReleaseManifest) -> Path:
    try:
        return Path(plain_folder(text))
    except ValueError as error:
        raise Incompatible(
            f"a data folder of {manifest.product} {manifest.version}: {error}",
            hint="correct the value in site.toml",
        ) from error
