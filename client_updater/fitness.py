"""Whether a site has and allows what a release asks for: seen before anything is downloaded."""

from client_updater.data_folders import data_folders
from client_updater.installation import Installer
from client_updater.values import values_for
from manifests.release import Release
from manifests.target_paths import AGENT_PRODUCT


def check_fit(release: Release, installer: Installer) -> None:
    """Hold a release to the policy and to what is installed.

    Raises:
        Incompatible: a value is missing, a data folder is not allowed, or a package could not be
            put back; its message says what the administrator can do.
    """
    product, policy = release.path.product, installer.policy
    data_folders(release.manifest, policy, values_for(release.manifest, policy))
    if product == AGENT_PRODUCT:
        installer.confirmation.ourselves.check(release.manifest)
    current = installer.versions.known(product, installer.slots.current(product))
    installer.placing.check(release, current, policy)
