"""What is pruned: for each architecture, the matrices of a layer, by every name they go under.

A checkpoint on disk, the model that transformers builds and its wrappers (a task head, a causal-LM
head) spell the same matrix differently. A scope maps all of these spellings to one place, (layer,
module), by which names of different origin are joined.

Pruned are the weights of the attention and feed-forward matrices of every layer; BERT's pooler too
if a model's catalog entry asks for it. Never pruned: embeddings, the patch convolution, LayerNorm,
biases, other poolers, heads, and OPT's `project_in/out`.

To add an architecture, add one `Scope` to `_KNOWN`: its modules in the order in which a layer
applies them, each with its spellings relative to the layer.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from essential_sparsity.checkpoints.spec import Part
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.validation import near_miss


@dataclass(frozen=True)
class Module:
    """One matrix: its public name, its part, its spellings below the layer, or below the model."""

    name: str
    part: Part
    spellings: tuple[str, ...]


@dataclass(frozen=True, order=True)
class Place:
    """Where a matrix lies: the layer's index from 0, and the module's public name and part.

    A pooler's layer is the number of layers: it comes after the last one.
    """

    layer: int
    module: str
    part: Part


@dataclass(frozen=True)
class Scope:
    """The prunable matrices of one architecture (`model_type` in `config.json`).

    `stacks` are the spellings of the list of layers, such as `encoder.layer`; whatever comes before
    them (`bert.`, `model.`, a wrapper's name) does not matter. `pooler` is what a classifier's head
    reads the last layer through, None where it does without; it is pruned if `prunes_pooler`.
    """

    architecture: str
    stacks: tuple[str, ...]
    modules: tuple[Module, ...]
    pooler: Module | None = None
    prunes_pooler: bool = False

    def with_pooler(self, where: str) -> "Scope":
        """Return the scope with the pooler; `where` names the file that states the architecture.

        Raises:
            UserError: the architecture has none.
        """
        if self.pooler is None:
            known = ", ".join(scope.architecture for scope in SCOPES.values() if scope.pooler)
            raise UserError(
                f"{where}: model_type: '{self.architecture}' has no pooler to prune, as "
                f"'prune_pooler: true' in the model's catalog entry asks for (has one: {known})"
            )
        return replace(self, prunes_pooler=True)

    def covering(self, names: Iterable[str]) -> "Scope":
        """Return the scope with the pooler if it is among `names`, and without it if not."""
        return replace(self, prunes_pooler=any(map(self._is_pooler, names)))

    def place(self, name: str) -> Place | None:
        """Return where in the layers the parameter `name` lies, or None if it is none of theirs."""
        match = self._pattern.fullmatch(name)
        if match is None:
            return None
        module = self._by_spelling[match["module"]]
        return Place(int(match["layer"]), module.name, module.part)

    def order(self, place: Place) -> tuple[int, int]:
        """Return the key of THE matrix order: by layer, then as this scope lists the modules."""
        return place.layer, self._rank[place.module]

    def find(self, names: Iterable[str], where: str) -> list[tuple[str, Place]]:
        """Return the prunable ones of `names` with their places, in the matrix order.

        Args:
            names: every name of a state dict or a model.
            where: the file or folder they come from, for the error.

        Raises:
            UserError: there are none, a layer lacks a module, the pooler is lacking, or two names
                claim one place.
        """
        names = list(names)
        found: dict[Place, str] = {}
        for name in names:
            if (place := self.place(name)) is None:
                continue
            if place in found:
                raise UserError(
                    f"{where}: '{found[place]}' and '{name}' are both layer {place.layer}'s "
                    f"{place.module}; one {self.architecture} model was expected"
                )
            found[place] = name
        if not found:
            raise UserError(
                f"{where}: no prunable matrix of architecture '{self.architecture}' "
                f"(looked for names such as '{self._example}')"
            )
        layers = 1 + max(place.layer for place in found)
        for layer in range(layers):
            for module in self.modules:
                if Place(layer, module.name, module.part) not in found:
                    raise UserError(
                        f"{where}: incomplete: layer {layer} of {layers} lacks its {module.name} "
                        f"('{self.stacks[0]}.{layer}.{module.spellings[0]}.weight')"
                    )
        ordered = [(found[place], place) for place in sorted(found, key=self.order)]
        if self.prunes_pooler and self.pooler:
            name = self._find_pooler(self.pooler, names, where)
            ordered.append((name, Place(layers, self.pooler.name, self.pooler.part)))
        return ordered

    def _find_pooler(self, pooler: Module, names: list[str], where: str) -> str:
        found = [name for name in names if self._is_pooler(name)]
        if not found:
            raise UserError(
                f"{where}: incomplete: lacks the pooler ('{pooler.spellings[0]}.weight')"
            )
        if len(found) > 1:
            raise UserError(
                f"{where}: '{found[0]}' and '{found[1]}' are both the pooler; one "
                f"{self.architecture} model was expected"
            )
        return found[0]

    def _is_pooler(self, name: str) -> bool:
        if self.pooler is None:
            return False
        spellings = "|".join(map(re.escape, self.pooler.spellings))
        return re.fullmatch(rf"(?:\w+\.)*?(?:{spellings})\.weight", name) is not None

    @property
    def _example(self) -> str:
        return f"{self.stacks[0]}.0.{self.modules[0].spellings[0]}.weight"

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        stacks = "|".join(map(re.escape, self.stacks))
        modules = "|".join(map(re.escape, self._by_spelling))
        return re.compile(
            rf"(?:\w+\.)*?(?:{stacks})\.(?P<layer>\d+)\.(?P<module>{modules})\.weight"
        )

    @cached_property
    def _by_spelling(self) -> dict[str, Module]:
        return {spelling: module for module in self.modules for spelling in module.spellings}

    @cached_property
    def _rank(self) -> dict[str, int]:
        return {module.name: rank for rank, module in enumerate(self.modules)}


def _attention(query: str, key: str, value: str, output: str) -> tuple[Module, ...]:
    """Return the four attention modules; each argument holds the spellings, separated by spaces."""
    names = {"query": query, "key": key, "value": value, "attention_output": output}
    return tuple(Module(name, "attention", tuple(text.split())) for name, text in names.items())


def _feed_forward(**names: str) -> tuple[Module, ...]:
    """Return the feed-forward modules; each argument holds the spellings, separated by spaces."""
    return tuple(Module(name, "feed_forward", tuple(text.split())) for name, text in names.items())


_KNOWN = (
    Scope(
        "bert",
        ("encoder.layer",),
        _attention(
            query="attention.self.query",
            key="attention.self.key",
            value="attention.self.value",
            output="attention.output.dense",
        )
        + _feed_forward(
            feed_forward_in="intermediate.dense",
            feed_forward_out="output.dense",
        ),
        Module("pooler", "pooler", ("pooler.dense",)),
    ),
    Scope(
        "opt",
        ("decoder.layers",),
        _attention(
            query="self_attn.q_proj",
            key="self_attn.k_proj",
            value="self_attn.v_proj",
            output="self_attn.out_proj",
        )
        + _feed_forward(feed_forward_in="fc1", feed_forward_out="fc2"),
    ),
    Scope(
        # Also DINO and DeiT. On disk as transformers 4 wrote it, in memory as version 5 spells it.
        # What some files have of a pooler, no head reads.
        "vit",
        ("encoder.layer", "layers"),
        _attention(
            query="attention.attention.query attention.q_proj",
            key="attention.attention.key attention.k_proj",
            value="attention.attention.value attention.v_proj",
            output="attention.output.dense attention.o_proj",
        )
        + _feed_forward(
            feed_forward_in="intermediate.dense mlp.fc1",
            feed_forward_out="output.dense mlp.fc2",
        ),
    ),
    Scope(
        # Also Vicuna.
        "llama",
        ("layers",),
        _attention(
            query="self_attn.q_proj",
            key="self_attn.k_proj",
            value="self_attn.v_proj",
            output="self_attn.o_proj",
        )
        + _feed_forward(
            feed_forward_gate="mlp.gate_proj",
            feed_forward_in="mlp.up_proj",
            feed_forward_out="mlp.down_proj",
        ),
    ),
)

SCOPES: dict[str, Scope] = {scope.architecture: scope for scope in _KNOWN}


def find_scope(architecture: object, where: str) -> Scope:
    """Return the scope of `architecture`; `where` names the file that states it.

    Raises:
        UserError: nobody has said yet what is prunable in this architecture.
    """
    if isinstance(architecture, str) and architecture in SCOPES:
        return SCOPES[architecture]
    raise UserError(
        f"{where}: model_type: unknown architecture {architecture!r}"
        f"{near_miss(architecture, SCOPES)} (known: {', '.join(sorted(SCOPES))}); "
        "to add one, add a Scope to essential_sparsity/architectures/architecture.py"
    )
