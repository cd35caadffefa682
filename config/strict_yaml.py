"""YAML in which a key that is there twice is an error, not a silent loss."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

try:  # the same in C, ten times faster, where PyYAML was built with it
    from yaml import CSafeLoader as _Loader
except ImportError:  # pragma: no cover
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]


class StrictLoader(_Loader):
    """Safe YAML; raises ``yaml.MarkedYAMLError`` at the second of two equal keys."""


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
