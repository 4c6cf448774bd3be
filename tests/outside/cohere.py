"""Hugging Face's CohereForCausalLM, to hold `bam import` and `bam export` against.

cohere.py make FOLDER ids.i32 logits.f32 [tied]   a small random model in shards, and its logits
cohere.py logits FOLDER ids.i32 logits.f32        loads a model and writes its logits

ids.i32: one sequence of token ids, int32; logits.f32: (tokens, vocabulary), fp32, row-major.
"""

import sys

import numpy
import torch
from transformers import CohereConfig, CohereForCausalLM


def write_logits(model, ids_file, logits_file):
    ids = torch.from_numpy(numpy.fromfile(ids_file, dtype="<i4").astype("int64"))[None]
    with torch.no_grad():
        logits = model(ids).logits[0]
    logits.to(torch.float32).numpy().astype("<f4").tofile(logits_file)


def make(folder, ids_file, logits_file, *options):
    config = CohereConfig(
        vocab_size=320, hidden_size=64, intermediate_size=96, num_hidden_layers=3,
        num_attention_heads=8, num_key_value_heads=2, logit_scale=0.0625,
        tie_word_embeddings="tied" in options, rope_theta=20000.0, layer_norm_eps=1e-6,
        initializer_range=0.2, bos_token_id=1, eos_token_id=2, pad_token_id=None)
    torch.manual_seed(5)
    model = CohereForCausalLM(config).eval()
    for name, weight in model.named_parameters():
        if name.endswith("norm.weight"):
            torch.nn.init.uniform_(weight, 0.5, 1.5)
    write_logits(model, ids_file, logits_file)
    model.save_pretrained(folder, max_shard_size="60KB")


def logits(folder, ids_file, logits_file):
    write_logits(CohereForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(),
                 ids_file, logits_file)


if __name__ == "__main__":
    {"make": make, "logits": logits}[sys.argv[1]](*sys.argv[2:])
