"""What is pruned: for each family of models, the matrices of a layer, by every name they go under.

A checkpoint on disk, the model that transformers builds and its wrappers (a task head, a causal-LM
head) spell the same matrix differently, and may keep several in one tensor. An architecture maps
all of these spellings to places, (layer, module), by which matrices of different origin are joined.

Pruned are the weights of the attention and feed-forward matrices of every layer; a pooler too if a
model's catalog entry asks for it. Never pruned: embeddings, convolutions, normalisation, biases,
routers of experts, heads, and projections outside the layers.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Literal

from essential_sparsity.support.errors import UserError

Part = Literal["attention", "feed_forward", "pooler"]
# What a model's `config.json` says.
Config = Mapping[str, Any]


@dataclass(frozen=True)
class Module:
    """One matrix of a layer.

    Attributes:
        name: its public name.
        part: what it is a part of.
        spellings: its names below the layer (a pooler's: below the model), without `.weight`;
            `{expert}` stands for an expert's number. None where it only lies in a `Tensor`.
        optional: a layer may lack it.
        experts: there is one for each expert of a layer, by the name `name[3]`.
    """

    name: str
    part: Part
    spellings: tuple[str, ...] = ()
    optional: bool = False
    experts: bool = False


@dataclass(frozen=True)
class Tensor:
    """A tensor that is not simply one matrix of shape (out, in).

    Attributes:
        spelling: its name below the layer, without `.weight`.
        modules: those whose matrices it holds, one behind the other along the outputs. Those of
            experts lie in a tensor of three dimensions, the first of which counts the experts,
            unless the spelling has `{expert}`.
        transposed: it is stored as (in, out).
        shares: how many outputs each of `modules` has, in proportion; equally many if None.
        blocks: the outputs are so many blocks, each of which holds its share of every module (the
            heads of attention, say, each with its query, key and value); one block if None.
    """

    spelling: str
    modules: tuple[str, ...]
    transposed: bool = False
    shares: Callable[[Config], tuple[int, ...]] | None = None
    blocks: Callable[[Config], int] | None = None

    def rows(self, module: int, outputs: int, config: Config) -> tuple[int, int, int] | None:
        """Return where the rows of a module lie, see `Layout`; None if there are no others.

        Raises:
            ValueError: the outputs cannot be divided so.
        """
        if len(self.modules) == 1:
            return None
        shares = self.shares(config) if self.shares else (1,) * len(self.modules)
        blocks = self.blocks(config) if self.blocks else 1
        unit, rest = divmod(outputs, blocks * sum(shares))
        if rest or not unit:
            raise ValueError(
                f"{outputs} outputs are not {blocks} block(s) of {', '.join(self.modules)} in "
                f"proportions of {':'.join(map(str, shares))}"
            )
        return unit * sum(shares[:module]), unit * shares[module], unit * sum(shares)


@dataclass(frozen=True)
class Stack:
    """A list of layers.

    Attributes:
        names: its spellings, such as `encoder.layer`; whatever comes before them (`bert.`,
            `model.`, a wrapper's name) does not matter.
        modules: a layer's matrices in the order in which it applies them.
        tensors: those that are not simply one matrix.
        layers: the key of `config.json` that says how many layers there are.
    """

    names: tuple[str, ...]
    modules: tuple[Module, ...]
    tensors: tuple[Tensor, ...] = ()
    layers: str = "num_hidden_layers"

    @cached_property
    def module(self) -> dict[str, Module]:
        """The modules by their names."""
        return {module.name: module for module in self.modules}

    @cached_property
    def rank(self) -> dict[str, int]:
        """Name → place of a module in a layer."""
        return {module.name: rank for rank, module in enumerate(self.modules)}

    @cached_property
    def patterns(self) -> list[tuple[re.Pattern[str], Tensor]]:
        """What full names of parameters match, and what tensor each of them is."""
        plain = [Tensor(s, (module.name,)) for module in self.modules for s in module.spellings]
        names = "|".join(map(re.escape, self.names))
        return [
            (
                re.compile(
                    rf"(?P<tensor>(?:\w+\.)*?(?:{names})\.(?P<layer>\d+)\."
                    + re.escape(tensor.spelling).replace(r"\{expert\}", r"(?P<number>\d+)")
                    + r"(?:\.weight)?)(?:\[(?P<expert>\d+)\])?(?::(?P<module>\w+))?"
                ),
                tensor,
            )
            for tensor in (*plain, *self.tensors)
        ]

    def spelling(self, module: Module) -> str:
        """Return the first spelling of a module, or of the tensor that holds it."""
        return next(t.spelling for _, t in self.patterns if module.name in t.modules)


@dataclass(frozen=True)
class Place:
    """Where a matrix lies: the layer's index from 0, and the module's public name and part.

    Layers are numbered through all stacks. A pooler comes after the last one.
    """

    layer: int
    module: str
    part: Part


@dataclass(frozen=True)
class Layout:
    """How a matrix lies in a tensor that has another shape.

    Attributes:
        tensor: the tensor's name.
        index: of the tensor's first dimension, where it has three.
        transposed: what is left has shape (in, out).
        rows: of these outputs the matrix has `length` in a row, beginning with `start` and then
            every `step`: (start, length, step). None for all.
    """

    tensor: str
    index: int | None = None
    transposed: bool = False
    rows: tuple[int, int, int] | None = None

    def view(self, tensor: Any) -> Any:
        """Return the matrix as a view of the tensor, an array of numpy's or torch's.

        Its shape is (out, in), or (blocks, out / blocks, in) where the rows lie in several blocks.
        """
        found = tensor if self.index is None else tensor[self.index]
        found = found.T if self.transposed else found
        if self.rows is None:
            return found
        start, length, step = self.rows
        blocks = found.reshape(-1, step, found.shape[1])[:, start : start + length]
        return blocks[0] if len(blocks) == 1 else blocks

    def shape(self, stored: tuple[int, ...]) -> tuple[int, ...]:
        """Return the matrix's shape, (out, in), in a tensor of shape `stored`."""
        left = stored if self.index is None else stored[1:]
        left = left[::-1] if self.transposed else left
        if self.rows is None:
            return left
        _, length, step = self.rows
        return left[0] // step * length, *left[1:]


@dataclass(frozen=True)
class Found:
    """A prunable matrix among parameters, by its public name."""

    name: str
    place: Place
    layout: Layout | None = None  # None where it is a tensor of its own
    stack: int | None = 0  # the stack's number; None for a pooler

    @property
    def tensor(self) -> str:
        """The name of the tensor that holds it."""
        return self.layout.tensor if self.layout else self.name

    def shape(self, stored: tuple[int, ...]) -> tuple[int, ...]:
        """Return the matrix's shape, (out, in), in a tensor of shape `stored`."""
        return self.layout.shape(stored) if self.layout else stored


def _positions(config: Config) -> int | None:
    found = config.get("max_position_embeddings")
    return found if isinstance(found, int) else None


@dataclass(frozen=True)
class Architecture:
    """A family of models.

    Attributes:
        model_types: what `config.json` calls them.
        stacks: its lists of layers: one; or an encoder's and a decoder's.
        pooler: what a classifier's head reads the last layer through, None where it does without.
            It is drawn with the head if pre-training left none, and pruned if asked for.
        positions: how many positions a text may have, by the configuration; None for any number.
    """

    model_types: tuple[str, ...]
    stacks: tuple[Stack, ...]
    pooler: Module | None = None
    positions: Callable[[Config], int | None] = _positions

    def places(
        self, name: str, shape: tuple[int, ...] = (), config: Config | None = None
    ) -> Iterator[Found]:
        """Yield the prunable matrices of a parameter, or the one of a public name.

        Layers count from 0 in each stack. Shape and configuration matter where a parameter may hold
        several matrices.
        """
        for number, stack in enumerate(self.stacks):
            for pattern, tensor in stack.patterns:
                if match := pattern.fullmatch(name):
                    for found in _matrices(match, stack, tensor, shape, config or {}):
                        yield replace(found, stack=number)
                    return

    def find(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        where: str,
        config: Config | None = None,
        pooler: bool | None = False,
    ) -> list[Found]:
        """Return the prunable matrices among parameters in THE order: layer, module, expert.

        Args:
            shapes: every name of a state dict, a model or a mask, and its shape.
            where: the file or folder they come from, for errors.
            config: the model's, if it is at hand.
            pooler: whether the pooler is one of them; None if it is there.
        """
        found: dict[tuple[int | None, Place], Found] = {}
        for name, shape in shapes.items():
            try:
                for matrix in self.places(name, shape, config):
                    key = (matrix.stack, matrix.place)
                    if (other := found.setdefault(key, matrix)) is not matrix:
                        raise UserError(
                            f"{where}: '{other.name}' and '{matrix.name}' are both layer "
                            f"{matrix.place.layer}'s {matrix.place.module}; one {self.name} model "
                            "was expected"
                        )
            except ValueError as error:
                raise UserError(f"{where}: '{name}': {error}") from None
        if not found:
            first = self.stacks[0]
            raise UserError(
                f"{where}: no prunable matrix of architecture '{self.name}' (looked for names such "
                f"as '{first.names[0]}.0.{first.spelling(first.modules[0])}.weight')"
            )
        ordered: list[Found] = []
        layers = 0
        for number, stack in enumerate(self.stacks):
            own = [matrix for matrix in found.values() if matrix.stack == number]
            count = 1 + max((matrix.place.layer for matrix in own), default=-1)
            _check_whole(stack, own, count, where)
            for matrix in sorted(own, key=partial(_order, stack)):
                place = replace(matrix.place, layer=layers + matrix.place.layer)
                ordered.append(replace(matrix, place=place))
            layers += count
        return ordered + self._find_pooler(shapes, layers, where, pooler)

    def check_layers(self, found: list[Found], config: Config, where: str) -> None:
        """Check that there are as many layers as the configuration says."""
        for number, stack in enumerate(self.stacks):
            layers = len({matrix.place.layer for matrix in found if matrix.stack == number})
            promised = config.get(stack.layers)
            if isinstance(promised, int) and promised != layers:
                raise UserError(
                    f"{where}: incomplete: the weights have {layers} layers, config.json says "
                    f"{stack.layers}: {promised}"
                )

    @property
    def name(self) -> str:
        """What errors call it."""
        return self.model_types[0]

    def is_pooler(self, name: str) -> bool:
        """Tell whether a parameter is the pooler's."""
        if self.pooler is None:
            return False
        spellings = "|".join(map(re.escape, self.pooler.spellings))
        return re.fullmatch(rf"(?:\w+\.)*?(?:{spellings})\.\w+", name) is not None

    def _find_pooler(
        self, shapes: Mapping[str, tuple[int, ...]], layers: int, where: str, wanted: bool | None
    ) -> list[Found]:
        if self.pooler is None or wanted is False:
            return []
        found = [name for name in shapes if name.endswith(".weight") and self.is_pooler(name)]
        if wanted and not found:
            raise UserError(
                f"{where}: incomplete: lacks the pooler ('{self.pooler.spellings[0]}.weight')"
            )
        if len(found) > 1:
            raise UserError(
                f"{where}: '{found[0]}' and '{found[1]}' are both the pooler; one {self.name} "
                "model was expected"
            )
        place = Place(layers, self.pooler.name, self.pooler.part)
        return [Found(name, place, stack=None) for name in found]


def _check_whole(stack: Stack, found: list[Found], layers: int, where: str) -> None:
    there = {(matrix.place.layer, matrix.place.module) for matrix in found}
    experts = [0] * layers
    for matrix in found:
        layer, rank, expert = _order(stack, matrix)
        if stack.modules[rank].experts:
            experts[layer] = max(experts[layer], expert + 1)
    for layer in range(layers):
        for module in stack.modules:
            names = [module.name]
            if module.experts:
                names = [f"{module.name}[{expert}]" for expert in range(experts[layer])]
            lacking = [name for name in names if (layer, name) not in there]
            if lacking and not (module.optional and lacking == names):
                raise UserError(
                    f"{where}: incomplete: layer {layer} of {layers} lacks its {lacking[0]} "
                    f"('{stack.names[0]}.{layer}.{stack.spelling(module)}.weight')"
                )


def _matrices(
    match: re.Match[str], stack: Stack, tensor: Tensor, shape: tuple[int, ...], config: Config
) -> Iterator[Found]:
    """Yield the matrices of a parameter, or the one that a matrix's public name is of."""
    layer, given = int(match["layer"]), match["expert"] or match.groupdict().get("number")
    stacked = stack.module[tensor.modules[0]].experts and given is None
    if stacked and len(shape) != 3:
        raise ValueError(f"shape {list(shape)}: that of all experts has three dimensions")
    is_public = match["expert"] is not None or match["module"] is not None
    for expert in range(shape[0]) if stacked else [given]:
        for position, name in enumerate(tensor.modules):
            if match["module"] not in (None, name):
                continue
            module = stack.module[name]
            place = Place(layer, name if expert is None else f"{name}[{expert}]", module.part)
            rows = None
            if not is_public and len(tensor.modules) > 1:
                outputs = shape[-1 if tensor.transposed else -2]
                rows = tensor.rows(position, outputs, config)
            if is_public or not (stacked or rows or tensor.transposed):
                yield Found(match[0], place)
                continue
            index = int(expert) if stacked and expert is not None else None
            full = match["tensor"] + (f"[{index}]" if stacked else "")
            full += f":{name}" if rows else ""
            yield Found(full, place, Layout(match["tensor"], index, tensor.transposed, rows))


def _order(stack: Stack, matrix: Found) -> tuple[int, int, int]:
    name, _, expert = matrix.place.module.rstrip("]").partition("[")
    return matrix.place.layer, stack.rank[name], int(expert or 0)


def attention(query: str, key: str, value: str, output: str) -> tuple[Module, ...]:
    """Return the four attention modules; each argument holds the spellings, separated by spaces."""
    names = {"query": query, "key": key, "value": value, "attention_output": output}
    return tuple(Module(name, "attention", tuple(text.split())) for name, text in names.items())


def feed_forward(**names: str) -> tuple[Module, ...]:
    """Return the feed-forward modules; each argument holds the spellings, separated by spaces."""
    return tuple(Module(name, "feed_forward", tuple(text.split())) for name, text in names.items())
