"""Training steps in PyTorch on a GPU as gpu_bench has them: its shapes, bf16, torch.compile, fused attention,
without an optimiser. Weights, gradients and residuals are bf16, or, as BAM has the last two, fp32 under autocast.

Compiling takes a model up to a minute of one core and next to nothing of the GPU, so each model has a process of
its own, and all compile side by side; then one after the other has the GPU to itself and is timed.
"""
import contextlib
import itertools
import json
import math
import multiprocessing
import os
import re
import statistics
import sys
import time
import warnings

import torch
from torch import nn
from torch.nn import functional as F

import models

SHAPES = {  # as tests/bench/gpu_steps.cpp
    "590m": models.Shape(32000, 1024, 6, 8, 2048, 2048, sequences=4),
    "2b": models.Shape(32000, 2304, 18, 18, 9216, 2048, sequences=4, kv_heads=6),
    "tiny": models.Shape(500, 64, 2, 4, 96, 64, sequences=2, kv_heads=2),
}
OURS = {("590m", False): "590M shape", ("590m", True): "590M BAM",
        ("2b", False): "2B dense", ("2b", True): "2B BAM"}
GROUPED_MM = getattr(F, "grouped_mm", None) or getattr(torch, "_grouped_mm", None)


def grouped(rows, weights, ends):
    """Each expert's rows, which end at its `ends`, times its weights (outputs, inputs), in bf16."""
    return GROUPED_MM(rows.bfloat16(), weights.bfloat16().transpose(-2, -1), offs=ends)


class GroupedFfn(nn.Module):
    """TopOneFfn with the experts' products together, by torch's grouped product: nobody waits for counts."""

    def __init__(self, shape):
        super().__init__()
        experts, d_model, hidden = models.EXPERTS, shape.d_model, shape.hidden
        self.router = nn.Linear(d_model, experts, bias=False)
        self.gate_up = nn.Parameter(torch.empty(experts, 2 * hidden, d_model))
        self.down = nn.Parameter(torch.empty(experts, d_model, hidden))

    def forward(self, h):
        rows = h.flatten(0, 1)
        probabilities = torch.softmax(self.router(rows).float(), dim=-1)
        gate, choice = probabilities.max(dim=-1)
        chosen = F.one_hot(choice, models.EXPERTS).sum(dim=0)
        ends = chosen.cumsum(0).to(torch.int32)
        order = torch.argsort(choice, stable=True)
        gate_part, up = grouped(rows[order], self.gate_up, ends).chunk(2, dim=-1)
        answers = grouped(F.silu(gate_part) * up, self.down, ends)
        out = (answers * gate[order, None].to(answers.dtype))[torch.argsort(order)]
        load = chosen.float() / choice.numel()
        return out.view_as(h), models.EXPERTS * (load * probabilities.mean(dim=0)).sum()


def experts_layers():
    """How the mixture's experts may be computed, the best way first, and the layers that do."""
    found = [("one expert after the other", models.TopOneFfn)]
    if GROUPED_MM is not None:
        found.insert(0, (f"{GROUPED_MM.__module__}.{GROUPED_MM.__name__}", GroupedFfn))
    return found


def step_operations(shape, is_mixture):
    """Of a step's products, as model/flops.h counts."""
    d, length, experts = shape.d_model, shape.length, models.EXPERTS if is_mixture else 1
    attention = length * (4 * d * d + 4 * d * shape.kv_width) + 2 * d * length * (length + 1)
    routers = 2 * (2 * length * d * experts) if is_mixture else 0
    layer = experts * attention + 6 * length * d * shape.hidden + routers
    return 3 * shape.sequences * (shape.layers * layer + 2 * length * d * shape.vocabulary)


def milliseconds(work, device):
    if device == "cpu":
        start = time.perf_counter()
        work()
        return (time.perf_counter() - start) * 1e3
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end)


def build(shape, layer, weights, device):
    torch.manual_seed(1)
    with torch.device(device):
        model = models.Transformer(shape, layer is not None, layer)
        model = model.to(torch.bfloat16) if weights == "bf16" else model
        model.cos, model.sin = models.rotary_table(shape)
    return model


def median_step(model, shape, weights, given, wait_for_turn):
    """Milliseconds of the median step after five, and the first loss."""
    device = given.device
    generator = torch.Generator().manual_seed(1)
    text = torch.randint(shape.vocabulary, (shape.sequences, shape.length + 1), generator=generator)
    tokens, targets = (part.contiguous().to(device) for part in (text[:, :-1], text[:, 1:]))

    def step():
        model.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=weights == "fp32"):
            loss = model(tokens, targets)
        loss.backward()
        return loss

    # Beside the others there may be too little memory; what was compiled until then stays.
    with contextlib.suppress(torch.OutOfMemoryError):
        step().item()
    model.zero_grad(set_to_none=True)
    if device == "cuda":
        torch.cuda.empty_cache()
    wait_for_turn()
    first = step().item()
    # Logits of untrained weights have a variance of 0.0004 d_model, which adds half of it, and each layer's
    # balance adds 0.01: 0.64 in all in the largest mixture.
    assert abs(first - math.log(shape.vocabulary)) < 1, first
    taken = [milliseconds(step, device) for _ in range(4 + given.steps)]
    return statistics.median(taken[4:]), first


def ours(folder, size, is_mixture):
    """Milliseconds of gpu_bench's step, the faster of its two ways that are the same bits every time; None where
    it was not run."""
    path = folder / "bench.txt"
    name = OURS.get((size, is_mixture))
    if name is None or not path.exists():
        return None
    lines = path.read_text().split(f"{name}, step")[1:]
    if not lines:
        return None
    own = re.sub(r"\n.*in any order.*", "", re.split(r"\n(?=\S)", lines[0])[0])
    found = re.findall(r"([\d.]+) ms", own)
    return min(map(float, found)) if found else None


def compare(given, wait_for_turn, size, mode, weights, way, layer):
    """Prints and returns a model's line; `layer` computes its experts `way`, None in a dense one."""
    shape, is_mixture = SHAPES[size], layer is not None
    model = build(shape, layer, weights, given.device)
    stepped = torch.compile(model) if mode == "compile" else model
    taken, loss = median_step(stepped, shape, weights, given, wait_for_turn)
    bam = ours(given.folder, size, is_mixture)
    rate = step_operations(shape, is_mixture) / taken * 1e3
    name = f"{size} BAM, {way}" if is_mixture else f"{size} dense"
    ratio = f"  BAM is {taken / bam:.2f}x" if bam else ""
    print(f"{name:46} {weights} {mode:7} {taken:9.3f} ms {rate * 1e-12:7.1f} TFLOP/s  first loss {loss:.3f}{ratio}",
          flush=True)
    return {"name": name, "weights": weights, "mode": mode, "milliseconds": taken, "operations_per_second": rate,
            "first_loss": loss, "bam_milliseconds": bam}


def ways(mode, is_mixture, wants_eager):
    """How a model may be computed, the best way first: (mode, name, layer)."""
    layers = experts_layers() if is_mixture else [("dense", None)]
    modes = [mode] if mode == "eager" or wants_eager else [mode, "eager"]
    return [(mode, *layer) for mode in modes for layer in layers]


def time_one(given, connection, size, mode, weights, is_mixture):
    """In a process of its own: tells through the connection when it is ready, waits for an answer, and sends its
    result, None where no way works."""
    warnings.simplefilter("ignore")  # of the compiler, which fusion it leaves out
    if given.device == "cuda":
        torch.backends.cuda.enable_math_sdp(False)  # fused attention or an error

    def wait_for_turn():
        connection.send("ready")
        try:
            connection.recv()
        except EOFError:  # nobody waits for a result any more
            sys.exit(1)

    for mode, way, layer in ways(mode, is_mixture, "eager" in (given.mode or [])):
        try:
            connection.send(compare(given, wait_for_turn, size, mode, weights, way, layer))
            return
        except Exception as error:  # a peer that fails is a result, not an end
            print(f"{size} {weights} {mode} {way}: failed: {error}"[:300], flush=True)
        torch._dynamo.reset()  # not inside `except`, whose error holds on to the model
        if given.device == "cuda":
            torch.cuda.empty_cache()
    connection.send(None)


def heard_from(connection):
    """What a process says next: "ready", its result, or None where it has none or is gone."""
    try:
        return connection.recv()
    except EOFError:
        return None


def run_one(connection):
    """A ready process's result. It is ready again where a way fails in its turn."""
    heard = "ready"
    while heard == "ready":
        with contextlib.suppress(BrokenPipeError):  # then it is not heard from either
            connection.send("go")
        heard = heard_from(connection)
    return heard


def run(given):
    """Prints a line each and writes peers-gpu.json. The exit code: 77 where there is no GPU."""
    if given.device == "cuda" and not torch.cuda.is_available():
        print("skipped: PyTorch", torch.__version__, "finds no GPU")
        return 77
    if given.device == "cuda":
        print(torch.cuda.get_device_name())
    print("PyTorch", torch.__version__, flush=True)
    cases = list(itertools.product(given.size or ["590m", "2b"], given.mode or ["compile"],
                                   given.weights or ["bf16", "fp32"], [False, True]))
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", str(max(1, os.cpu_count() // len(cases))))
    start = multiprocessing.get_context("spawn")
    processes = []
    for case in cases:
        connection, theirs = start.Pipe()
        process = start.Process(target=time_one, args=(given, theirs, *case))
        process.start()
        theirs.close()
        processes.append((process, connection))
    is_ready = [heard_from(connection) == "ready" for _, connection in processes]
    results = []
    for ready, (process, connection) in zip(is_ready, processes):
        found = run_one(connection) if ready else None
        results += [found] if found is not None else []
        process.join()  # its memory is free
        (given.folder / "peers-gpu.json").write_text(json.dumps(results, indent=1) + "\n")
    return 0 if results else 1
