"""How a schedule compares, as three columns: whole, and the nearest that the previous release understands."""

from dataclasses import dataclass
from typing import Final, Self

from fleet.pictures.options import Method
from fleet.schedules.request import CompareOptions

# What the previous release knows. It sees more with `pixels` than `visible` does, so it reports none too few.
_NEAREST: Final = {Method.VISIBLE: Method.PIXELS}


@dataclass(frozen=True, slots=True)
class CompareColumns:
    """The columns `compare_method`, `compare_threshold` and `compare`; each None if nothing is compared."""

    method: str | None
    threshold: float | None
    whole: str | None

    @classmethod
    def of(cls, options: CompareOptions | None) -> Self:
        """What is written."""
        if options is None:
            return cls(None, None, None)
        method = _NEAREST.get(options.method, options.method)
        return cls(method.value, options.limit, options.model_dump_json(exclude_defaults=True))

    def options(self) -> CompareOptions | None:
        """What is read. The previous release writes only the first two columns: then these count."""
        if self.method is None:
            return None
        if self.whole is not None:
            whole = CompareOptions.model_validate_json(self.whole)
            if (
                nearest := CompareColumns.of(whole)
            ).method == self.method and nearest.threshold == self.threshold:
                return whole
        return CompareOptions(method=Method(self.method), threshold=self.threshold)
