#!/usr/bin/env python3
"""Prints what checkpoint_bench and fio measured, medians beside their bounds: FOLDER RANKS."""
import json
import pathlib
import statistics
import sys

folder, ranks = pathlib.Path(sys.argv[1]), sys.argv[2]
result = json.loads((folder / f"checkpoint-{ranks}.json").read_text())
median = statistics.median


def fio(kind, way):
    """Bytes a second, all processes together."""
    runs = folder.glob(f"checkpoint-{ranks}-{way}-{kind}-*.json")
    return median(json.loads(run.read_text())["jobs"][0][way]["bw_bytes"] for run in runs)


def row(name, value, unit, bound, is_kept):
    print(f"{name:46} {value:8.3f} {unit:5} {bound:28} {'kept' if is_kept else 'MISSED'}")


size = result["bytes"]
copied, blocked = median(result["copy_seconds"]), median(result["blocked_seconds"])
write = size / median(result["write_seconds"])
read = size / median(result["read_seconds"])
fio_write = max(fio("cached", "write"), fio("direct", "write"))
fio_read = fio("cached", "read")
step = result["step_seconds"]
beside = result["beside_steps"]
# What is lost in the time that the writer works, as a share of that time; and over whole steps.
during = median(1 - (b["seconds"] - b["steps"] * step) / b["tiles_seconds"] for b in beside)
over_steps = median(b["steps"] * step / b["seconds"] for b in beside)

print(f"{result['case']}, {ranks} rank(s) x {result['threads_per_rank']}: {size / 1e6:.0f} MB, "
      f"step {step * 1e3:.0f} ms; a plain copy {copied * 1e3:.1f} ms; fio writes "
      f"{fio('cached', 'write') / 1e9:.2f} GB/s through the cache, "
      f"{fio('direct', 'write') / 1e9:.2f} past it, reads {fio_read / 1e9:.2f}")
row("training waits", blocked * 1e3, "ms", f"<= {1.3 * copied * 1e3 + 10:.1f} (1.3 copies + 10)",
    blocked <= 1.3 * copied + 0.010)
row("written, hashes and last sync included", write / 1e9, "GB/s",
    f">= {0.7 * fio_write / 1e9:.2f} (70 % of fio)", write >= 0.7 * fio_write)
row("read and checked, cache dropped", read / 1e9, "GB/s",
    f">= {0.7 * fio_read / 1e9:.2f} (70 % of fio)", read >= 0.7 * fio_read)
row("tokens/s while it is written, of normal", during, "", ">= 0.85", during >= 0.85)
print(f"{'over the whole steps that it touches':46} {over_steps:8.3f}")
