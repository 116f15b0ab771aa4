from tests.bench.case import Bench
from tests.bench.report import Section
async def run(bench: Bench) -> Section: raise NotImplementedError
