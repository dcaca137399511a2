"""BERT."""

from essential_sparsity.architectures.architecture import (
    Architecture,
    Module,
    Stack,
    attention,
    feed_forward,
)

ARCHITECTURE = Architecture(
    ("bert",),
    (
        Stack(
            ("encoder.layer",),
            attention(
                query="attention.self.query",
                key="attention.self.key",
                value="attention.self.value",
                output="attention.output.dense",
            )
            + feed_forward(feed_forward_in="intermediate.dense", feed_forward_out="output.dense"),
        ),
    ),
    pooler=Module("pooler", "pooler", ("pooler.dense",)),
)
