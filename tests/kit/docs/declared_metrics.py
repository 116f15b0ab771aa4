"""Every metric that the product declares."""

from typing import Final

from prometheus_client.metrics import MetricWrapperBase

from fleet.telemetry.metrics import of_api, of_both, of_worker

# Each with the process that exports it, in the words of docs/metrics.md.
DECLARED: Final = [
    (metric, process)
    for process, module in (("API", of_api), ("both", of_both), ("worker", of_worker))
    for metric in vars(module).values()
    if isinstance(metric, MetricWrapperBase)
]
