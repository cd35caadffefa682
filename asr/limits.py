"""What a process may use while it loads a model: broken models have taken 15 GB, or never come to an end.

Asking the kernel is the only way: neither is noticed in Python while a C++ library is at work. Whoever is
over the limit is ended, which ``asr.models.broken_model`` tells as what it is.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Iterator

from asr.models import ModelFacts

#: address space of an interpreter with its libraries and threads, with room to spare
BASE_BYTES = 3 << 30
#: a model in memory against its files: graphs are read as they are, matrices may be turned about
TIMES_MODEL = 4
#: memory that the library takes and gives back in two places only: many threads would keep many apart
ARENAS = "2"
#: memory in pages of 2 MB where the system gives them for the asking: a search graph is walked all over the
#: place, and every step would look for its page first. 4 to 9 % less processor time for 5 % more memory
LARGE_PAGES = "glibc.malloc.hugetlb=1"


def memory_limit_bytes(facts: ModelFacts) -> int:
    """The address space in which a model must be loaded."""
    return BASE_BYTES + TIMES_MODEL * facts.size_bytes


@contextlib.contextmanager
def loading_limits(facts: ModelFacts) -> Iterator[None]:
    """Within the block this process may not grow or last beyond what loading takes.

    The parent has its own clock (``ModelFacts.load_timeout_s``); this one is for a parent that is gone.
    """
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = memory_limit_bytes(facts)
    if before[1] != resource.RLIM_INFINITY:
        limit = min(limit, before[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    signal.setitimer(signal.ITIMER_REAL, 2 * facts.load_timeout_s)  # SIGALRM's default ends the process
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, before)


def child_environment() -> dict[str, str]:
    """The environment in which recogniser processes are started."""
    tunables = ":".join(filter(None, (os.environ.get("GLIBC_TUNABLES"), LARGE_PAGES)))
    return {**os.environ, "MALLOC_ARENA_MAX": ARENAS, "GLIBC_TUNABLES": tunables}
