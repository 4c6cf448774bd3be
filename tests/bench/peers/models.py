"""The benchmark's models in PyTorch: the parallel-attention transformer, dense and as BAM with expert KV."""
import dataclasses

import torch
from torch import nn
from torch.nn import functional as F


@dataclasses.dataclass(frozen=True)
class Shape:
    """As tests/bench/bench_cases.cpp."""
    vocabulary: int
    d_model: int
    layers: int
    heads: int
    hidden: int
    length: int
    sequences: int = 8
    kv_heads: int = 0  # 0: as many as heads

    @property
    def kv_width(self):
        return self.d_model // self.heads * (self.kv_heads or self.heads)


SHAPES = {
    "small": Shape(4096, 256, 6, 4, 704, 256),
    "medium": Shape(8192, 512, 8, 8, 1408, 512),
}
EXPERTS = 4


def rotary_table(shape):
    """cos and sin (length, head_dim / 2) for interleaved pairs."""
    width = shape.d_model // shape.heads
    frequencies = 10000.0 ** (-torch.arange(0, width, 2) / width)
    angles = torch.arange(shape.length)[:, None] * frequencies
    return torch.cos(angles), torch.sin(angles)


def rotate(x, cos, sin):
    """x (batch, heads, length, head_dim)."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class Attention(nn.Module):
    """`experts` attentions side by side, one product for each kind of projection."""

    def __init__(self, shape, experts=1):
        super().__init__()
        self.head_width = shape.d_model // shape.heads
        self.is_grouped = 0 < shape.kv_heads < shape.heads
        width, kv_width = shape.d_model * experts, shape.kv_width * experts
        self.widths = [width, kv_width, kv_width]
        self.qkv = nn.Linear(shape.d_model, sum(self.widths), bias=False)
        self.out = nn.Linear(width, shape.d_model, bias=False)

    def forward(self, h, cos, sin, gates=None):
        batch, length, _ = h.shape
        q, k, v = (part.view(batch, length, -1, self.head_width).transpose(1, 2)
                   for part in self.qkv(h).split(self.widths, dim=-1))
        attended = F.scaled_dot_product_attention(
            rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype), v, is_causal=True,
            enable_gqa=self.is_grouped)
        attended = attended.transpose(1, 2).flatten(2)
        if gates is not None:  # (batch, length, experts)
            parts = attended.unflatten(-1, (gates.shape[-1], -1))
            attended = (parts * gates[..., None].to(parts.dtype)).flatten(-2)
        return self.out(attended)


class Ffn(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.gate_up = nn.Linear(shape.d_model, 2 * shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.d_model, bias=False)

    def forward(self, h):
        gate, up = self.gate_up(h).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)


class TopOneFfn(nn.Module):
    """Each row goes to its best expert, weighted by the full softmax's gate."""

    def __init__(self, shape):
        super().__init__()
        self.router = nn.Linear(shape.d_model, EXPERTS, bias=False)
        self.experts = nn.ModuleList(Ffn(shape) for _ in range(EXPERTS))

    def forward(self, h):
        rows = h.flatten(0, 1)
        probabilities = torch.softmax(self.router(rows).float(), dim=-1)
        gate, choice = probabilities.max(dim=-1)
        out = torch.zeros_like(rows)
        for number, expert in enumerate(self.experts):
            mine = torch.nonzero(choice == number).squeeze(-1)
            answers = expert(rows[mine]) * gate[mine, None].to(rows.dtype)
            out = out.index_add(0, mine, answers.to(out.dtype))
        load = F.one_hot(choice, EXPERTS).float().mean(dim=0)
        balance = EXPERTS * (load * probabilities.mean(dim=0)).sum()
        return out.view_as(h), balance


class Block(nn.Module):
    def __init__(self, shape, is_mixture, top_one_ffn=TopOneFfn):
        super().__init__()
        self.norm = nn.LayerNorm(shape.d_model, bias=False)
        self.attention = Attention(shape, EXPERTS if is_mixture else 1)
        self.attention_router = nn.Linear(shape.d_model, EXPERTS, bias=False) if is_mixture else None
        self.ffn = top_one_ffn(shape) if is_mixture else Ffn(shape)

    def forward(self, x, cos, sin):
        h = self.norm(x)
        if self.attention_router is None:
            return x + self.attention(h, cos, sin) + self.ffn(h), 0.0
        gates = torch.softmax(self.attention_router(h).float(), dim=-1)
        ffn, balance = self.ffn(h)
        return x + self.attention(h, cos, sin, gates) + ffn, balance


class Transformer(nn.Module):
    def __init__(self, shape, is_mixture, top_one_ffn=TopOneFfn):
        super().__init__()
        self.embedding = nn.Embedding(shape.vocabulary, shape.d_model)
        self.blocks = nn.ModuleList(Block(shape, is_mixture, top_one_ffn)
                                    for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.d_model, bias=False)
        self.output = nn.Linear(shape.d_model, shape.vocabulary, bias=False)
        cos, sin = rotary_table(shape)
        self.register_buffer("cos", cos)
        self.register_buffer("sin", sin)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens, targets):
        x = self.embedding(tokens)
        balance = 0.0
        for block in self.blocks:
            x, one = block(x, self.cos, self.sin)
            balance = balance + one
        logits = self.output(self.norm(x)).flatten(0, 1)
        return F.cross_entropy(logits.float(), targets.flatten()) + 0.01 * balance
