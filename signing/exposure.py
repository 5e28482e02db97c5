"""What a thief of keys could and could not have done, read off the delegations as they are.

Pure. It says what the repository's own numbers come to, so it stays true where an operator has
chosen others than the defaults.
"""

from collections.abc import Iterator

from signing.assignments import holders
from signing.propose import Assignment
from signing.roles import BREAKGLASS, SERVER, TIMESTAMP, life_of, person_of, row_of
from signing.update_repository import Repository
from signing.wording import span


def of_person(repository: Repository, person: str) -> Iterator[str]:
    """With one person's key, and nobody else's; one sentence for each role that they hold."""
    for held in holders(repository):
        if person in map(person_of, held.keys):
            yield _alone(held)


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
    online = held.role in ("snapshot", TIMESTAMP) or row_of(held.role) == "rollouts"
    return not online and SERVER in map(person_of, held.keys)
