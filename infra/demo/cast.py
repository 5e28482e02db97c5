"""Who plays: the people with keys, the client companies, their sites, and the releases."""

from dataclasses import dataclass

PRODUCT = "bottle"

OFFICERS = ("ani", "budi")
ENGINEERS = ("sari", "joko")
"""The author and the approver."""
ON_CALL = ("tono", "wati")
"""Two L3 engineers."""
SUPPORT = ("lina", "dewi")
"""The first line and the second."""
AUDITOR = "maya"
CUSTOMER = "hadi"
"""Of the client Warung."""
ROLES = {
    ENGINEERS[0]: "release-engineer",
    ENGINEERS[1]: "approver",
    ON_CALL[0]: "l3",
    ON_CALL[1]: "l3",
    SUPPORT[0]: "l1",
    SUPPORT[1]: "l2",
    AUDITOR: "auditor",
}
"""What each is to the server, beside the keys that they hold."""
LOGINS = {
    SUPPORT[0]: "L1, the front line",
    SUPPORT[1]: "L2, who repairs",
    ON_CALL[0]: "L3, on call",
    ENGINEERS[1]: "approver",
    OFFICERS[1]: "security administrator",
    AUDITOR: "auditor",
    CUSTOMER: "a customer, of the client Warung",
}
"""Who can look at the console when the demo keeps running."""


@dataclass(frozen=True)
class CastSite:
    """One site: whose it is, its ring, and where on earth its clock is."""

    site_id: str
    client_id: str
    ring: str
    zone: str


def _sites(client_id: str) -> tuple[CastSite, ...]:
    return (
        CastSite(f"{client_id}-jakarta", client_id, "pilot", "Asia/Jakarta"),
        CastSite(f"{client_id}-makassar", client_id, "broad", "Asia/Makassar"),
        CastSite(f"{client_id}-jayapura", client_id, "broad", "Asia/Jayapura"),
        CastSite(f"{client_id}-hq", client_id, "critical", "Asia/Jakarta"),
    )


CLIENTS = ("apotek", "koperasi", "warung")
SITES = tuple(site for client in CLIENTS for site in _sites(client))

CLOSES_ITS_WINDOW = ("apotek-hq", "warung-makassar")
"""After release B these administrators move their window to Sunday night: it is closed now."""


@dataclass(frozen=True)
class CastRelease:
    """One release: its letter in the story, its version, and what is in it."""

    letter: str
    version: str
    bottle: str
    schedule: str
    lane: str = "releases"
    forgets_prices: bool = False
    """The real defect: the file that the program reads at every request is not in the release."""
    severity: str = "moderate"


A = CastRelease("A", "0.13.2", "0.13.2", "first")
B = CastRelease("B", "0.13.3", "0.13.3", "waves")
C = CastRelease("C", "0.13.4", "0.13.4", "waves", forgets_prices=True)
FIX = CastRelease("hotfix", "0.13.4.post1", "0.13.4", "night", lane="hotfixes", severity="critical")
RELEASES = (A, B, C, FIX)
