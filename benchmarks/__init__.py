"""What is measured, always against something else in the same run: the machine may be shared and noisy.

Each module runs as `python -m benchmarks.NAME`, prints a table, and with `--json` one JSON object as its
last line. `python -m benchmarks` runs them all.
"""
