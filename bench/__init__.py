"""Performance as ratios, measured side by side in one run: `make bench`, `make bench-check`.

The list of measurements is `bench.measurements.ALL`; the numbers are in `results.json`, the page is `docs/performance.md`.
"""
