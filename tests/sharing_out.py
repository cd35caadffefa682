"""Which tests share a worker: whole houses take a processor each, so no more than two run at once.

xdist's own ``xdist_group`` marks are not seen by every pair of versions; a file's place is.
"""

from __future__ import annotations

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

#: file → the group whose tests run one after the other
GROUPS = {
    "tests/e2e/test_flow_faults.py": "houses 1",
    "tests/e2e/test_speech_kills.py": "houses 1",
    "tests/e2e/test_faults.py": "houses 2",
    "tests/e2e/test_whole_path.py": "houses 2",
    "tests/agents/test_agents_on_asterisk.py": "agents' PBX",
    "tests/agents/test_call_control_on_asterisk.py": "agents' PBX",
    "tests/agents/test_leader_on_asterisk.py": "agents' PBX",
    "tests/bridge/test_several_pbxs.py": "several PBXs",
    "tests/journeys/test_callbacks_on_asterisk.py": "journeys' PBX",
}


class ByGroup(LoadScopeScheduling):
    """Groups whole, everything else test by test."""

    def _split_scope(self, nodeid: str) -> str:
        return GROUPS.get(nodeid.partition("::")[0], nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByGroup:
    """Hook of xdist."""
    return ByGroup(config, log)
