"""What is remembered of Postgres' answers: one look for many, none that outlives a change."""

import asyncio

from api.access.cached_lookup import Lookups, shorter_if_missing


class Register:
    """Something that is looked up in."""

    def __init__(self) -> None:
        self.things = {"a": "first"}
        self.looks = 0
        self.is_asked = asyncio.Event()
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def find(self, name: str) -> str | None:
        self.looks += 1
        self.is_asked.set()
        thing = self.things.get(name)
        await self.is_open.wait()
        return thing


async def test_many_at_once_are_one_look() -> None:
    register = Register()
    lookups = Lookups(register.find, lifetime_s=shorter_if_missing(60))
    assert await asyncio.gather(*(lookups.get("a") for _ in range(20))) == ["first"] * 20
    assert await lookups.get("a") == "first"
    assert register.looks == 1


async def test_nothing_is_remembered_that_may_have_been_read_before_a_change() -> None:
    register = Register()
    lookups = Lookups(register.find, lifetime_s=shorter_if_missing(60))
    register.is_open.clear()
    early = asyncio.create_task(lookups.get("a"))
    await register.is_asked.wait()
    register.things["a"] = "second"
    lookups.forget_all()
    register.is_open.set()
    assert await early == "first"
    assert await lookups.get("a") == "second"


async def test_whoever_hangs_up_takes_nobody_along() -> None:
    register = Register()
    lookups = Lookups(register.find, lifetime_s=shorter_if_missing(60))
    register.is_open.clear()
    first, second = (asyncio.create_task(lookups.get("a")) for _ in range(2))
    await register.is_asked.wait()
    first.cancel()
    register.is_open.set()
    assert await second == "first"


async def test_what_is_missing_is_asked_again_sooner_than_what_was_found() -> None:
    lifetime_s = shorter_if_missing(60)
    assert (lifetime_s("first"), lifetime_s(None)) == (60, 1)
    assert shorter_if_missing(0)(None) == 0


async def test_an_answer_is_remembered_for_its_own_lifetime() -> None:
    register = Register()
    register.things["b"] = "other"

    def lifetime_s(thing: str | None) -> float:
        return 60 if thing == "other" else 0

    lookups = Lookups(register.find, lifetime_s=lifetime_s)
    for name in "aabb":
        await lookups.get(name)
    assert register.looks == 3
