"""The PBX itself fails, or the city's day ends, while calls are on."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from tests.sip_phone import SipPhone
from tests.telephony.call_fold.shapes.clock import LOCAL
from tests.telephony.call_fold.shapes.stage import CALLER, Stage, hangs_up, shape


def _citizen(stage: Stage, number: str) -> SipPhone:
    phone = stage.telephones.citizen(number)
    phone.__enter__()
    assert phone.call("12345") == 200
    return phone


@shape
def pbx_killed(stage: Stage) -> None:
    """``kill -9`` of the PBX while one talks and one waits; it is started again, and a third call comes."""
    with stage.agent("agent101") as desk:
        talks = _citizen(stage, CALLER)
        stage.answered(CALLER)
        waits = _citizen(stage, "13909790001")
        stage.joined("13909790001")
        time.sleep(0.5)
        stage.killed_and_started()
        for phone in (talks, waits, desk):
            phone.gone.set()
            phone.__exit__()
    with stage.agent("agent101"), stage.calling("13909790002") as caller:
        stage.answered("13909790002")
        hangs_up(caller, 0.5)


@shape
def across_midnight(stage: Stage) -> None:
    """Arrived on one day of the city, answered and over on the next; another gives up after midnight."""
    now = datetime.fromtimestamp(float(stage.ami.action(Action="Ping")["Timestamp"]), LOCAL)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    time.sleep(max(0.0, (midnight - now).total_seconds() - 3.5))
    with stage.calling(CALLER) as first, stage.calling("13909790001") as second:
        stage.joined(CALLER)
        stage.joined("13909790001")
        time.sleep(2.0)
        with stage.agent("agent101"):
            stage.answered(CALLER)
            hangs_up(first, 0.5)
        second.hang_up()
