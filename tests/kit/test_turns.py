"""Only so many requests at a time: nobody is refused, nobody waits for a stream, nobody keeps a turn."""

import asyncio

import pytest

from runyard.kit.turns import Turns, step_aside


class Answers:
    """An application that says how many requests are in it, and answers when it is let."""

    def __init__(self):
        self.inside, self.most, self.let = 0, 0, asyncio.Event()

    async def __call__(self, scope, receive, send):
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            if scope.get("streams"):
                await send({"type": "http.response.body", "body": b"first", "more_body": True})
            await self.let.wait()
            if scope.get("fails"):
                raise ValueError("on purpose")
            await send({"type": "http.response.body", "body": b"whole"})
        finally:
            self.inside -= 1


async def asked(app, answered, **scope):
    async def send(event):
        answered.append(event["body"])

    await app(scope, None, send)


async def test_of_ten_requests_two_are_worked_on_at_a_time_and_all_are_answered():
    inner, answered = Answers(), []
    app = Turns(inner, 2)
    all_ten = asyncio.gather(*[asked(app, answered) for _ in range(10)])
    while inner.inside < 2:
        await asyncio.sleep(0)
    inner.let.set()
    await all_ten
    assert (inner.most, answered) == (2, [b"whole"] * 10)


async def test_a_stream_gives_its_turn_back_with_its_first_part_and_only_once():
    inner, answered = Answers(), []
    app = Turns(inner, 1)
    streams = [asyncio.create_task(asked(app, answered, streams=True)) for _ in range(3)]
    while answered != [b"first"] * 3:  # each turn went to the next
        await asyncio.sleep(0)
    inner.let.set()
    await asyncio.gather(*streams)
    inner.most = 0
    await asyncio.gather(*[asked(app, answered) for _ in range(5)])
    assert inner.most == 1


async def test_a_request_that_fails_or_is_cancelled_gives_its_turn_back():
    inner, answered = Answers(), []
    app = Turns(inner, 1)
    gone = asyncio.create_task(asked(app, answered))
    await asyncio.sleep(0)
    gone.cancel()
    inner.let.set()
    with pytest.raises(ValueError):
        await asked(app, answered, fails=True)
    await asked(app, answered)
    assert answered == [b"whole"]


async def test_who_asks_whether_all_is_well_needs_no_turn():
    inner, answered = Answers(), []
    app = Turns(inner, 1, free=("/healthz",))
    waiting = [asyncio.create_task(asked(app, answered, path="/workloads/")) for _ in range(3)]
    health = asyncio.create_task(asked(app, answered, path="/healthz"))
    while inner.inside < 2:
        await asyncio.sleep(0)
    inner.let.set()
    await asyncio.gather(health, *waiting)
    assert inner.most == 2


async def test_who_waits_for_a_cluster_lets_the_next_one_on_and_gives_no_turn_back_twice():
    cluster, inside, most = asyncio.Event(), 0, 0

    async def app(scope, receive, send):
        nonlocal inside, most
        if scope["path"] == "/slow":
            await asyncio.to_thread(step_aside)
            await cluster.wait()
        else:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    turns, answered = Turns(app, 1), []
    slow = [asyncio.create_task(asked(turns, answered, path="/slow")) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.gather(*[asked(turns, answered, path="/quick") for _ in range(4)])
    assert answered == [b"/quick"] * 4
    cluster.set()
    await asyncio.gather(*slow)
    await asyncio.gather(*[asked(turns, answered, path="/quick") for _ in range(4)])
    assert (len(answered), most) == (13, 1)


def test_outside_a_request_nobody_steps_aside():
    step_aside()
