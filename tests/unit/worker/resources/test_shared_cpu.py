"""Who is blamed for the CPU of processes that all pages share: the page that was busy meanwhile.

The processes and the clock are made up. Real processes have to be busy for seconds before a page is blamed:
tests/fault and tests/integration show it with Chromium, and test_busy_main_threads.py with other programs.
"""

from typing import Final

from worker.resources.memory.page_memory import PageMemory
from worker.resources.shared_cpu import LIMIT_S, SharedCpu

# In this CPU time of the browser a page that is busy is blamed: it takes 2 s.
LONG_S: Final = 1.6 * LIMIT_S
# Seconds between two looks. The browser is busy for five sixths of them.
LOOK_S: Final = 0.24
# Process ids.
BROWSER: Final = 1
RENDERER: Final = 2
IDLE: Final = 3
LOOP: Final = 4


class Machine:
    """Processes that use CPU time, and a clock.

    Attributes:
        shares: how much of a core each process uses.
        now: seconds of the clock.
    """

    def __init__(self) -> None:
        self.shares = {BROWSER: 0.83, RENDERER: 0.15, IDLE: 0.0, LOOP: 0.83}
        self.now = 1000.0
        self._cpu_s = dict.fromkeys(self.shares, 50.0)

    def pages(self) -> SharedCpu:
        """The pages of a browser on this machine."""
        return SharedCpu(cpu_s=lambda pid: self._cpu_s[pid])

    def look(self, cpu: SharedCpu, pages: list[PageMemory], *, for_s: float) -> PageMemory | None:
        """Look again and again until a page is blamed, or the browser has used so much CPU."""
        blamed = cpu.check(self.now, [BROWSER], pages)
        until = self._cpu_s[BROWSER] + for_s
        while blamed is None and self._cpu_s[BROWSER] < until:
            self.rest_s(LOOK_S)
            blamed = cpu.check(self.now, [BROWSER], pages)
        return blamed

    def rest_s(self, seconds: float) -> None:
        """Let so much time pass."""
        self.now += seconds
        for pid, share in self.shares.items():
            self._cpu_s[pid] += share * seconds


def page(renderer: int) -> PageMemory:
    """A page with this renderer."""
    return PageMemory(frozenset((renderer,)))


def test_the_page_that_was_busy_is_blamed() -> None:
    flooding, patient = page(RENDERER), page(IDLE)
    machine = Machine()
    cpu = machine.pages()
    assert machine.look(cpu, [patient, flooding], for_s=LONG_S) is flooding
    assert cpu.busiest() is flooding


def test_the_page_that_is_busy_is_named_before_it_is_blamed() -> None:
    flooding, patient = page(RENDERER), page(IDLE)
    machine = Machine()
    cpu = machine.pages()
    assert cpu.sender() is None
    assert machine.look(cpu, [patient, flooding], for_s=LIMIT_S * 2 / 3) is None
    assert cpu.sender() is flooding
    assert cpu.is_suspicious(flooding)
    assert not cpu.is_suspicious(patient)
    machine.shares[BROWSER] = 0
    machine.rest_s(1)
    assert cpu.check(machine.now, [BROWSER], [patient, flooding]) is None
    assert cpu.sender() is None, "the shared process has nothing to do"


def test_a_page_that_waits_is_not_blamed_for_what_an_ended_one_has_left() -> None:
    flooding, patient = page(IDLE), page(RENDERER)
    machine = Machine()
    cpu = machine.pages()
    machine.look(cpu, [flooding, patient], for_s=0.1)
    cpu.ended(flooding, machine.now)
    assert machine.look(cpu, [patient], for_s=LONG_S) is None
    assert cpu.has_left_work
    assert cpu.sender() is None
    assert cpu.busiest() is None
    machine.shares[BROWSER] = 0
    machine.rest_s(1)
    cpu.check(machine.now, [BROWSER], [patient])
    assert not cpu.has_left_work, "the shared process has nothing to do"


def test_a_page_that_has_ended_hides_no_other() -> None:
    ended, flooding = page(LOOP), page(RENDERER)
    machine = Machine()
    cpu = machine.pages()
    machine.look(cpu, [ended], for_s=LIMIT_S / 2)
    machine.look(cpu, [flooding], for_s=LIMIT_S * 2 / 3)
    assert cpu.sender() is flooding


def test_nobody_is_blamed_for_what_no_page_did() -> None:
    machine = Machine()
    assert machine.look(machine.pages(), [page(IDLE)], for_s=LONG_S) is None


async def test_nobody_is_blamed_while_a_large_picture_is_taken() -> None:
    drawing, neighbour = page(IDLE), page(RENDERER)
    await drawing.expect_picture(40_000_000)
    machine = Machine()
    cpu = machine.pages()
    assert machine.look(cpu, [drawing, neighbour], for_s=LONG_S) is None
    assert cpu.busiest() is None


def test_who_floods_and_waits_is_blamed_for_the_silence_and_not_who_has_just_begun() -> None:
    """The browser process still works on what a page has sent, and another page is being loaded."""
    flooding, patient = page(RENDERER), page(IDLE)
    machine = Machine()
    cpu = machine.pages()
    assert machine.look(cpu, [flooding, patient], for_s=1.0) is None
    machine.shares[RENDERER] = 0
    began = page(LOOP)
    assert machine.look(cpu, [flooding, patient, began], for_s=0.2) is None
    assert cpu.busiest() is flooding
