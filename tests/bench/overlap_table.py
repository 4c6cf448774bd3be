#!/usr/bin/env python3
"""Prints the results of overlap_bench, a line a file."""
import json
import sys

COLUMNS = ("exchange/compute", "step/compute", "overlap off", "hidden", "waited s", "compute s",
           "exchange s")
print("  ".join(f"{name:>16}" for name in COLUMNS))
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        result = json.load(file)
    row = (f"{result['exchange_to_compute']:.2f}", f"{result['step_to_compute']:.3f}",
           f"{result['step_to_compute_overlap_off']:.3f}", f"{result['hidden']:.1%}",
           f"{result['waited_seconds']:.2f}", f"{result['compute_seconds']:.2f}",
           f"{result['exchange_seconds']:.2f}")
    print("  ".join(f"{value:>16}" for value in row))
