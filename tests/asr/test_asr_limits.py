"""A process that loads a model may not take all of the machine's memory, and is free again afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TRY = """
import sys
from pathlib import Path
from asr.limits import loading_limits, memory_limit_bytes
from asr.models import model_facts

facts = model_facts(Path(sys.argv[1]))
size = memory_limit_bytes(facts)
try:
    with loading_limits(facts):
        bytearray(size)
except MemoryError:
    print("refused")
del facts
bytearray(size)
print("free again")
"""


@pytest.mark.speech
def test_memory_is_limited_while_a_model_is_loaded_and_only_then(model: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRY, str(model)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split("\n")[:2] == ["refused", "free again"], done.stderr
