"""In which language somebody reads an answer: what they ask for, else what its client reads."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header
from sqlmodel import Session

from distribution.api.access import ServerDep
from distribution.control.explanation import known_site
from distribution.languages import Language, for_request
from distribution.sites import clients


@dataclass(frozen=True)
class Wishes:
    """What the browser asks for, and what holds where it asks for nothing that we have."""

    accept_language: str
    default: Language

    def about_nobody(self) -> Language:
        """For an answer that is about no single client."""
        return for_request(self.accept_language, "", self.default)

    def about_client(self, session: Session, client_id: str) -> Language:
        """For an answer that is about a client.

        Raises:
            NotFound: there is no such client.
        """
        chosen = clients.known(session, client_id).language
        return for_request(self.accept_language, chosen, self.default)

    def about_site(self, session: Session, site_id: str) -> Language:
        """For an answer that is about a site.

        Raises:
            NotFound: there is no such site.
        """
        return self.about_client(session, known_site(session, site_id).client_id)


def _wishes(
    server: ServerDep,
    accept_language: Annotated[str, Header(description="Such as `id`, or `id, en;q=0.5`.")] = "",
) -> Wishes:
    return Wishes(accept_language, server.settings.language)


WishesDep = Annotated[Wishes, Depends(_wishes)]
