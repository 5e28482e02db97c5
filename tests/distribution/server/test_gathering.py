"""Things that are done together: nobody waits for ever, whatever becomes of a group."""

import asyncio
from collections.abc import Sequence

from distribution.quick.gathering import Gathering


def _work(group: Sequence[int]) -> list[int]:
    if 0 in group:
        raise ZeroDivisionError
    if -1 in group:
        return []  # a fault: too few
    return [len(group)] * len(group)


def test_a_group_that_fails_is_undone_and_the_next_one_is_done() -> None:
    async def story() -> list[int]:
        gathering = Gathering(_work, -100, "numbers")
        results = [await gathering.do(one) for one in (1, 0, -1, 2)]
        gathering.close()
        return results

    assert asyncio.run(story()) == [1, -100, -100, 1]


def test_those_that_come_together_are_one_group_and_who_gave_up_stops_nobody() -> None:
    async def story() -> list[int]:
        gathering = Gathering(_work, -100, "numbers")
        impatient = asyncio.create_task(gathering.do(9))
        others = [asyncio.create_task(gathering.do(one)) for one in (1, 2)]
        await asyncio.sleep(0)
        impatient.cancel()
        results = await asyncio.gather(*others)
        results.append(await gathering.do(3))
        gathering.close()
        return results

    assert asyncio.run(story()) == [3, 3, 1]
