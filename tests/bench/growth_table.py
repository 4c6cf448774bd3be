#!/usr/bin/env python3
"""Prints how step time and memory grew over the growth-*.json files of a folder.

A row's prediction is its group's first row, scaled by the operation counts; on gigabit links that of
ranks without them. Beyond 1.2 it is marked.
"""
import json
import pathlib
import re
import sys

groups = {}
for path in pathlib.Path(sys.argv[1]).glob("growth-*.json"):
    kind, value = re.fullmatch(r"growth-(\w+)-(\d+)", path.stem).groups()
    groups.setdefault(kind, {})[int(value)] = json.loads(path.read_text())[0]

print(f"{'':8} {'':>6} {'step ms':>9} {'predicted':>9} {'ratio':>6} {'of ceiling':>10} "
      f"{'peak MB':>8} {'peak/need':>9}")
for kind, rows in groups.items():
    base = groups.get("ranks", rows) if kind == "gigabit" else rows
    first = base[min(base)]
    for value, row in sorted(rows.items()):
        predicted = first["step_seconds"] * row["step_flops"] / first["step_flops"]
        ratio = row["step_seconds"] / predicted
        print(f"{kind:8} {value:6} {row['step_seconds'] * 1e3:9.1f} {predicted * 1e3:9.1f} "
              f"{ratio:6.2f}{'!' if ratio > 1.2 else ' '} {row['share_of_ceiling']:9.1%} "
              f"{row['peak_bytes'] / 1e6:8.1f} {row['memory_ratio']:9.3f}")
