"""YAML as plain data: no tags, no code, no key twice, no more of it than was written."""

from pathlib import Path

import yaml

from essential_sparsity.support.errors import UserError, one_line

# Values of a document, those behind an alias counted wherever it stands: names of names of names
# make gigabytes of a few lines.
_MOST_VALUES = 1_000_000


class _UniqueKeys(yaml.SafeLoader):
    """Plain data only; a key that occurs twice is an error, not a silent last word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.YAMLError(f"a key is no single value (line {line})")
            key = self.construct_object(key_node)
            if key in seen:
                raise yaml.YAMLError(f"the key '{key}' occurs twice (line {line})")
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> object:
    """Read a YAML file as plain data; whatever keeps from that is a `UserError`."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
        if _count(document, {}) > _MOST_VALUES:
            raise UserError(f"{path}: its aliases stand for more than {_MOST_VALUES:,} values")
        return document
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError) as error:  # a date or number may be none
        raise UserError(f"{path}: not YAML: {one_line(error)}") from None
    except RecursionError:
        raise UserError(f"{path}: is nested too deeply, or inside itself") from None


def _count(value: object, known: dict[int, int]) -> int:
    """Return how many values `value` holds, itself included."""
    if not isinstance(value, dict | list | set):
        return 1
    if id(value) not in known:
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_count(item, known) for item in inner)
    return known[id(value)]
