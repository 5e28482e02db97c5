"""The night: the failure goes through the tiers, two engineers sign, the problem ends itself."""

import time
from dataclasses import dataclass

from rich.text import Text

from infra.demo import screen
from infra.demo.cast import FIX, ON_CALL, PRODUCT, SITES, SUPPORT, C
from infra.demo.estate import HERE, Estate
from infra.demo.facts import Facts, TicketFacts
from infra.demo.screen import StoryFailedError, chapter, fact
from infra.demo.watching import ORDER, shares

FIRST_LINE, SECOND_LINE = SUPPORT


@dataclass(frozen=True)
class Mended:
    """How long it took, in seconds.

    Attributes:
        last_site: from the second signature to the last online site's confirmation.
        problem_closed: from the second signature to the end of the problem.
    """

    last_site: float
    problem_closed: float


def desk(estate: Estate, facts: Facts) -> TicketFacts:
    """Chapter 7: L1 hears the customer, L2 looks, L3 takes it; the problem that gathers it all."""
    chapter(7, "The support desk: L1, L2, L3")
    problem = facts.ticket_of(C, "rollout_stopped")
    cause = facts.ticket_of(C, "unhealthy")
    site = facts.sites_of(cause.number)[0]
    fact(f"ticket {cause.number}, unhealthy: {', then '.join(facts.way_of(cause.number))}")
    told = ("--channel", "telephone", "--sees", "error-message", "--places", 3)
    words = ("--words", "500 Internal Server Error", "--ticket", cause.number, "--by", FIRST_LINE)
    estate.hsp("symptoms", "record", site, *told, *words)
    fact(f"L1 {FIRST_LINE} writes down what {site}'s people say; the page says what to tell them:")
    fact(f'  "{cause.sentence}"')
    token = estate.hsp("staff", "token", "make", SECOND_LINE, "--by", SECOND_LINE).split()[-1]
    asked = ("--reason", "what did the health check see?", "--by", SECOND_LINE)
    estate.hsp("site", "ask", site, "collect", *asked)

    def look() -> tuple[str, bool, Text]:
        outcome, sentence = facts.newest_step(site, token)
        return sentence, bool(outcome), Text(f"{site}: {outcome or 'asked'}")

    sentence = screen.watch(look, f"L2 {SECOND_LINE} asks {site} for its diagnostics")
    fact(f"{site} answers with its signature, redacted: {sentence}")
    taken_by = ON_CALL[0]
    estate.hsp("ticket", "take", problem.number, "--by", taken_by)
    estate.hsp(
        "problem", "cause", problem.number, "prices.json is not in the artifact", "--by", taken_by
    )
    fact(
        f"L3 {taken_by} takes ticket {problem.number}: {problem.sites} sites at {problem.clients} "
        "clients; the cause: prices.json is not in the artifact"
    )
    return problem


def hotfix(estate: Estate, facts: Facts, problem: TicketFacts) -> Mended:
    """Chapter 8: one command, two signatures, one command, and the fleet mends itself."""
    chapter(8, "The hotfix at night")
    first, second = ON_CALL
    tree, description = estate.tree(FIX), estate.description(FIX)
    schedule = HERE / "schedules" / f"{FIX.schedule}.toml"
    proposal = estate.root / "proposals" / "hotfix"
    drafted = ("--description", description, "--pace", schedule, "--out", proposal)
    estate.hsp("hotfix", "draft", problem.number, tree, *drafted, "--by", first)
    fact(f"{first} drafts the fix of ticket {problem.number}: {PRODUCT} {FIX.version}")
    estate.proposal_signed_by(proposal, (first,))
    estate.proposal_signed_by(proposal, (second,))
    signed = time.monotonic()
    released = ("--schedule", schedule, "--by", first)
    estate.hsp("hotfix", "release", problem.number, proposal, *released)
    fact(f"{first} and {second} have signed; it is published and its rollout has begun")
    last_site = closed = signed

    def look() -> tuple[TicketFacts, bool, Text]:
        nonlocal last_site, closed
        now, found = facts.rollout(FIX), facts.ticket(problem.number)
        if now.confirmed < len(SITES):
            last_site = time.monotonic()
        if found.state != "closed":
            closed = time.monotonic()
        note = f"{shares(now)}   ticket {found.number} {found.state}"
        done = now.confirmed == len(SITES) and found.state == "closed"
        return found, done, screen.fleet(facts.installed(), ORDER, note)

    screen.watch(look, "every site moves, and the problem closes by itself")
    serving = estate.serving()
    if serving[FIX.version] != len(SITES):
        raise StoryFailedError(f"the running programs say {dict(serving)}")
    mended = Mended(last_site - signed, closed - signed)
    fact(
        f"{mended.last_site:.1f} s from the second signature to the last site, closed windows "
        f"included; the problem closed by itself after {mended.problem_closed:.1f} s"
    )
    for line in facts.open_tickets():
        fact(f"still open: {line}")
    return mended
