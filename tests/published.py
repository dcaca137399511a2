"""The published sizes of the catalog's models: their geometry, and counts that follow from it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Published:
    """A model as transformers builds it, and its numbers of matrices, weights and parameters."""

    model: str
    matrices: int
    prunable: int
    parameters: int
    settings: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    bytes: int = 4  # of a stored weight
    pooler: bool = False  # pruned too

    def build(self) -> Any:
        """Return the model, its weights without memory."""
        import torch
        import transformers

        model = getattr(transformers, self.model)
        with torch.device("meta"):
            return model(model.config_class(**self.settings), **self.options)


def _sized(width: int, layers: int, heads: int, inner: str, **more: Any) -> dict[str, Any]:
    return {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        inner: 4 * width,
        **more,
    }


_VIT = {"patch_size": 16, "image_size": 224}
_LARGE = _sized(1024, 24, 16, "intermediate_size")

PUBLISHED: dict[str, Published] = {
    "minilm-l6": Published(
        "BertModel", 36, 10_616_832, 22_713_216, _sized(384, 6, 12, "intermediate_size")
    ),
    "minilm-l6-pooler": Published(
        "BertModel", 37, 10_764_288, 22_713_216, _sized(384, 6, 12, "intermediate_size"),
        pooler=True,
    ),
    "bert-base": Published("BertModel", 72, 84_934_656, 109_482_240),
    "bert-base-pooler": Published("BertModel", 73, 85_524_480, 109_482_240, pooler=True),
    "bert-large": Published("BertModel", 144, 301_989_888, 335_141_888, _LARGE),
    "opt-125m": Published("OPTModel", 72, 84_934_656, 125_239_296, bytes=2),
    "opt-350m": Published(
        "OPTModel", 144, 301_989_888, 331_196_416,
        _sized(1024, 24, 16, "ffn_dim", word_embed_proj_dim=512, do_layer_norm_before=False),
        bytes=2,
    ),
    "opt-1.3b": Published(
        "OPTModel", 144, 1_207_959_552, 1_315_758_080,
        _sized(2048, 24, 32, "ffn_dim", word_embed_proj_dim=2048),
        bytes=2,
    ),
    "vit-base": Published("ViTModel", 72, 84_934_656, 86_389_248, _VIT),
    "vit-large": Published("ViTModel", 144, 301_989_888, 304_351_232, _VIT | _LARGE),
    "dino-base": Published(
        "ViTModel", 72, 84_934_656, 85_798_656, _VIT, {"add_pooling_layer": False}
    ),
    "deit-tiny": Published(
        "ViTForImageClassification", 72, 5_308_416, 5_717_416,
        _VIT | _sized(192, 12, 3, "intermediate_size", num_labels=1000),
    ),
    "vicuna-7b": Published(
        "LlamaForCausalLM", 224, 6_476_005_376, 6_738_415_616, bytes=2
    ),
    "vicuna-13b": Published(
        "LlamaForCausalLM", 280, 12_687_769_600, 13_015_864_320,
        {**_sized(5120, 40, 40, "intermediate_size"), "intermediate_size": 13824},
        bytes=2,
    ),
}  # fmt: skip
