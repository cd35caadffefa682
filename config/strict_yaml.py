"""YAML in which a key that is there twice is an error, not a silent loss; and that nobody chokes on."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

try:  # the same in C, ten times faster, where PyYAML was built with it
    from yaml import CSafeLoader as _Loader
except ImportError:  # pragma: no cover
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]


#: more than any file of ours has, and far less than what ends the parser (which is recursive, in C)
_DEEPEST = 50
_LONGEST = 5_000_000
_OPENS = (yaml.SequenceStartEvent, yaml.MappingStartEvent)
_CLOSES = (yaml.SequenceEndEvent, yaml.MappingEndEvent)


class StrictLoader(_Loader):
    """Safe YAML; raises ``yaml.MarkedYAMLError`` at the second of two equal keys, at a value that is not
    what it looks like (a 13th month), and at what is too long or nested too deeply."""

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            raise yaml.MarkedYAMLError(problem=f"longer than {_LONGEST} characters")
        _refuse_depths(text)
        super().__init__(text)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError, TypeError) as wrong:
            raise yaml.MarkedYAMLError(
                problem=f"{str(node.value)[:40]!r} cannot be read: {wrong}", problem_mark=node.start_mark
            ) from None


def _refuse_depths(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, _OPENS) - isinstance(event, _CLOSES)
        if depth > _DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {_DEEPEST}")


def load_strict(text: str) -> Any:
    """The content of a text. Raises ``yaml.YAMLError``."""
    return yaml.load(text, Loader=StrictLoader)


def _mapping(loader: StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Hashable] = set()
    for key_node, _ in node.value:
        key = str(loader.construct_object(key_node, deep=True))
        if key in seen:
            raise yaml.MarkedYAMLError(problem=f"{key} is there twice", problem_mark=key_node.start_mark)
        seen.add(key)
    loader.flatten_mapping(node)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
