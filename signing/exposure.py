"""What a thief of keys could and could not have done, read off the delegations as they are.

Pure. It says what the repository's own numbers come to, so it stays true where an operator has
chosen others than the defaults.
"""

from collections.abc import Iterator

from signing.assignments import holders
from signing.propose import Assignment
from signing.roles import BREAKGLASS, ROLLOUTS, ROOT, SERVER, TIMESTAMP, life_of, person_of, row_of
from signing.update_repository import Repository
from signing.wording import span


def of_person(repository: Repository, person: str) -> Iterator[str]:
    """With one person's key, and nobody else's; one sentence for each role that they hold."""
    found = list(holders(repository))
    theirs = [held for held in found if person in map(person_of, held.keys)]
    yield from map(_alone, theirs)
    others = [held.role for held in found if held not in theirs and row_of(held.role) != ROLLOUTS]
    if theirs:
        yield f"could not touch {', '.join(others)}"


def of_officers(repository: Repository) -> Iterator[str]:
    """With as many officers' keys as sign a root."""
    threshold = next(each.threshold for each in holders(repository) if each.role == ROOT)
    yield f"could sign any root ({threshold} different officers must), and with it anything"
    yield "could install it only with the bucket as well: sites read what the bucket serves"
    yield "could not be outlived by a signature alone: who signs the next root first, wins"
    yield "could not follow a site that has enrolled again under another root"


def _alone(held: Assignment) -> str:
    if held.threshold > 1:
        return f"could sign nothing of {held.role} alone: {held.threshold} different people must"
    if held.role == BREAKGLASS:
        return (
            "could sign break-glass releases alone: each for ten sites that it names, for 72 hours"
        )
    return f"COULD SIGN {held.role} ALONE: look at everything that it lists"


def of_server(repository: Repository) -> Iterator[str]:
    """With all the server's own keys, and the store."""
    withheld = span(life_of(repository.root, TIMESTAMP))
    alone = [each for each in holders(repository) if _is_the_servers_too(each)]
    yield f"could hold updates back, unnoticed by sites for {withheld} at most"
    yield "could start, pause and hasten rollouts within the pace that each release's people signed"
    yield "could not sign a release, point a site back, or free what was stopped"
    for each in alone:
        yield f"COULD SIGN {each.role}, which people should: the server is among them"


def _is_the_servers_too(held: Assignment) -> bool:
    online = held.role in ("snapshot", TIMESTAMP) or row_of(held.role) == ROLLOUTS
    return not online and SERVER in map(person_of, held.keys)
