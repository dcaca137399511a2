"""LLaMA, also Vicuna."""

from essential_sparsity.architectures.architecture import (
    Architecture,
    Stack,
    attention,
    feed_forward,
)

ARCHITECTURE = Architecture(
    ("llama",),
    (
        Stack(
            ("layers",),
            attention(
                query="self_attn.q_proj",
                key="self_attn.k_proj",
                value="self_attn.v_proj",
                output="self_attn.o_proj",
            )
            + feed_forward(
                feed_forward_gate="mlp.gate_proj",
                feed_forward_in="mlp.up_proj",
                feed_forward_out="mlp.down_proj",
            ),
        ),
    ),
)
