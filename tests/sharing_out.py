"""Which tests share a worker: whole houses take a processor each, so no more than two run at once.

The longest chains begin first, so that no worker sits over one of them when all others are done.

xdist's own ``xdist_group`` marks are not seen by every pair of versions; a file's place is.
"""

from __future__ import annotations

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

#: file → the group whose tests run one after the other; the longest groups first
GROUPS = {
    "tests/e2e/test_flow_faults.py": "houses 1",
    "tests/e2e/test_speech_kills.py": "houses 1",
    "tests/e2e/test_whole_path.py": "houses 2",
    "tests/e2e/test_faults.py": "houses 2",
    "tests/asr/test_bad_input.py": "recordings of all kinds",
    "tests/demo/test_demo_journeys.py": "played once: journeys",
    "tests/demo/test_demo_real.py": "played once: calls",
    "tests/telephony/live_audio/test_live_audio_on_asterisk.py": "live audio's PBX",
    "tests/agents/test_agents_on_asterisk.py": "agents' PBX",
    "tests/agents/test_call_control_on_asterisk.py": "agents' PBX",
    "tests/agents/test_desk_on_asterisk.py": "agents' PBX",
    "tests/agents/test_leader_on_asterisk.py": "agents' PBX",
    "tests/bridge/test_several_pbxs.py": "several PBXs",
    "tests/journeys/test_callbacks_on_asterisk.py": "journeys' PBX",
}


class ByGroup(LoadScopeScheduling):
    """Groups whole, everything else test by test."""

    def _split_scope(self, nodeid: str) -> str:
        return GROUPS.get(nodeid.partition("::")[0], nodeid)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Hook of pytest: the groups in their order, then all the others in theirs."""
    place = {file: at for at, file in enumerate(GROUPS)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByGroup:
    """Hook of xdist."""
    return ByGroup(config, log)
