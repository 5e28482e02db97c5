"""A site's own values in a manifest's commands and checks: ``{name}`` becomes what is set here."""

import re
from collections.abc import Mapping

from client_updater.errors import Incompatible
from manifests.release import ReleaseManifest
from manifests.site import SitePolicy

_NAME = re.compile(r"\{([a-z][a-z0-9_]{0,31})\}")

Values = Mapping[str, str]


def values_for(manifest: ReleaseManifest, policy: SitePolicy) -> Values:
    """The values of the variables that the manifest asks for.

    Raises:
        Incompatible: the site's policy does not give all of them.
    """
    given = policy.variables.get(manifest.product, {})
    missing = [name for name in manifest.variables if name not in given]
    if missing:
        raise Incompatible(
            f"{manifest.product} {manifest.version} asks for {', '.join(missing)}, "
            "and this site's policy does not say",
            hint=f'add {missing[0]} = "..." to [variables.{manifest.product}] in site.toml',
        )
    return {name: given[name] for name in manifest.variables}


def fill(text: str, values: Values) -> str:
    """``text`` with the names that ``values`` has; any other braces stay as they are."""
    return _NAME.sub(lambda found: values.get(found[1], found[0]), text)
