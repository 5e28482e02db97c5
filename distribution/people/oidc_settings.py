"""The provider that the settings name."""

from pathlib import Path

from distribution.errors import Misconfigured
from distribution.people.oidc import Client, Provider, is_safe
from distribution.settings import Settings

CALLBACK = "/v1/session/oidc/callback"


def provider_of(settings: Settings) -> Provider | None:
    """The provider; None where people log in with passwords.

    Raises:
        Misconfigured: what the provider needs is missing, or its address is not safe.
    """
    if not settings.oidc_issuer:
        return None
    if not is_safe(settings.oidc_issuer):
        raise Misconfigured(f"oidc_issuer {settings.oidc_issuer} is not an https address")
    if not (settings.oidc_client_id and settings.oidc_client_secret_file):
        raise Misconfigured("oidc_issuer needs oidc_client_id and oidc_client_secret_file")
    return Provider(
        Client(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            secret=_secret(Path(settings.oidc_client_secret_file)),
            redirect_uri=settings.public_url.rstrip("/") + CALLBACK,
            scopes=settings.oidc_scopes,
        )
    )


def _secret(file: Path) -> str:
    try:
        if file.stat().st_mode & 0o077:
            raise Misconfigured(f"{file} can be read by others", hint=f"chmod 600 {file}")
        return file.read_text("utf-8").strip()
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read: {error.strerror}") from error
