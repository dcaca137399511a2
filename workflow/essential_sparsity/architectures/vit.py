"""ViT, also DINO and DeiT: on disk as transformers 4 wrote it, in memory as version 5 spells it.

What some files have of a pooler, no head reads.
"""

from essential_sparsity.architectures.architecture import (
    Architecture,
    Stack,
    attention,
    feed_forward,
)

ARCHITECTURE = Architecture(
    ("vit",),
    (
        Stack(
            ("encoder.layer", "layers"),
            attention(
                query="attention.attention.query attention.q_proj",
                key="attention.attention.key attention.k_proj",
                value="attention.attention.value attention.v_proj",
                output="attention.output.dense attention.o_proj",
            )
            + feed_forward(
                feed_forward_in="intermediate.dense mlp.fc1",
                feed_forward_out="output.dense mlp.fc2",
            ),
        ),
    ),
)
