"""Hugging Face's models at the benchmark's sizes: Cohere (dense) and Mixtral (top-1 of 4 experts)."""
from torch import nn


class WithLoss(nn.Module):
    """A causal language model whose forward takes targets that are already shifted."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, tokens, targets):
        logits = self.model(input_ids=tokens, use_cache=False).logits.flatten(0, 1)
        return nn.functional.cross_entropy(logits.float(), targets.flatten())


def common(shape):
    return {"vocab_size": shape.vocabulary, "hidden_size": shape.d_model,
            "intermediate_size": shape.hidden, "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads, "num_key_value_heads": shape.heads,
            "max_position_embeddings": shape.length, "use_cache": False}


def cohere(shape):
    from transformers import CohereConfig, CohereForCausalLM
    config = CohereConfig(**common(shape), logit_scale=1.0, tie_word_embeddings=False,
                          bos_token_id=1, eos_token_id=2, pad_token_id=0,
                          attn_implementation="sdpa")
    return WithLoss(CohereForCausalLM(config))


def mixtral(shape):
    from transformers import MixtralConfig, MixtralForCausalLM
    config = MixtralConfig(**common(shape), num_local_experts=4, num_experts_per_tok=1,
                           bos_token_id=1, eos_token_id=2, attn_implementation="sdpa")
    return WithLoss(MixtralForCausalLM(config))
