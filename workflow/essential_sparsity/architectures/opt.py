"""OPT."""

from essential_sparsity.architectures.architecture import (
    Architecture,
    Stack,
    attention,
    feed_forward,
)

ARCHITECTURE = Architecture(
    ("opt",),
    (
        Stack(
            ("decoder.layers",),
            attention(
                query="self_attn.q_proj",
                key="self_attn.k_proj",
                value="self_attn.v_proj",
                output="self_attn.out_proj",
            )
            + feed_forward(feed_forward_in="fc1", feed_forward_out="fc2"),
        ),
    ),
)
