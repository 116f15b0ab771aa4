"""All metrics in one list: dashboards and alerts depend on their names, labels and units.

They follow Prometheus' conventions: prefix `renderfleet_`, base units, `_total` for counters. The values of
labels come from fixed lists (states, error types, reasons); they are never ids or addresses.
`docs/metrics.md` describes all metrics, and a test compares the two.

A process exports all metrics that it has imported, with the value 0 until they are set. So the API does not
import those of workers, nor a worker those of the API: import-linter sees to it. Otherwise a dashboard would
show browsers that were started in 1970, and an alert a fleet without workers.
"""
