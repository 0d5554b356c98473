import asyncio
import time

from cvbook.deploy.batching import Batcher, Overloaded


def doubled(items: list[int]) -> list[int]:
    time.sleep(0.005)
    if -1 in items:
        raise ValueError(f"{len(items)} items with a bad one")
    return [2 * i for i in items]


def test_everybody_gets_their_own_answer_and_company():
    async def main():
        batcher = Batcher(doubled, size=8)
        results = await asyncio.gather(*(batcher(i) for i in range(200)))
        await batcher.close()
        return results, list(batcher.sizes)

    results, sizes = asyncio.run(main())
    assert results == [2 * i for i in range(200)]
    assert max(sizes) == 8
    assert sum(sizes) == 200
    assert len(sizes) < 40


def test_a_bad_item_spoils_nobody_elses_answer():
    async def main():
        batcher = Batcher(doubled, size=8)
        return await asyncio.gather(
            *(batcher(-1 if i == 5 else i) for i in range(16)), return_exceptions=True
        )

    results = asyncio.run(main())
    assert isinstance(results[5], ValueError) and str(results[5]) == "1 items with a bad one"
    assert [r for i, r in enumerate(results) if i != 5] == [2 * i for i in range(16) if i != 5]


def test_wrong_number_of_results_is_an_error_not_a_mix_up():
    async def main():
        return await asyncio.gather(
            *(Batcher(lambda items: [])(i) for i in range(2)), return_exceptions=True
        )

    assert all(isinstance(r, RuntimeError) for r in asyncio.run(main()))


def test_too_many_are_turned_away_and_who_gives_up_is_not_computed():
    seen = []

    def slow(items):
        time.sleep(0.05)
        seen.extend(items)
        return items

    async def main():
        batcher = Batcher(slow, size=1, waiting=3)
        first = asyncio.create_task(batcher("first"))
        await asyncio.sleep(0.02)  # it is being computed now, and the line is empty
        waiting = [asyncio.create_task(batcher(i)) for i in range(4)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        results = await asyncio.gather(first, *waiting, return_exceptions=True)
        await batcher.close()
        return results

    first, *results = asyncio.run(main())
    assert first == "first" and results[0] == 0 and results[2] == 2 and seen == ["first", 0, 2]
    assert isinstance(results[1], asyncio.CancelledError) and isinstance(results[3], Overloaded)


def test_closing_answers_who_waits():
    async def main():
        batcher = Batcher(doubled, size=2)
        tasks = [asyncio.create_task(batcher(i)) for i in range(10)]
        await asyncio.sleep(0)
        await batcher.close()
        return [task.done() and task.result() for task in tasks]

    assert asyncio.run(main()) == [2 * i for i in range(10)]


def test_an_unused_batcher_closes():
    asyncio.run(Batcher(doubled).close())
