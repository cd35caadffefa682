"""No notice, no recording."""

from __future__ import annotations

import numpy as np
import pytest

from config.hotline import Hotline
from ivr_flows.prompts import prompt_path
from telephony.pbx.program import AsteriskProgram
from tests.pbx import AmiWitness, RunningPbx, pbx_up
from tests.sip_phone import SipPhone
from voice.wav import write_wav

pytestmark = pytest.mark.pbx


def one_call(pbx: RunningPbx, ami: AmiWitness, number: str) -> str:
    with SipPhone(number, pbx.settings.sip_port) as caller:
        assert caller.call("12345") == 200
        call = ami.wait_event("HotlineQueue", CallerIDNum=number)["Uniqueid"]
        caller.hang_up()
    assert ami.wait_event("HotlineEnded", Uniqueid=call)["Notice"] == "failed"
    return call


def test_without_the_notice_nothing_is_recorded(asterisk_program: AsteriskProgram, endings: Hotline) -> None:
    with pbx_up(asterisk_program, endings, sounds=False) as pbx, pbx.reader() as ami:
        missing = one_call(pbx, ami, "13997360010")
        notice = prompt_path(endings.notice, pbx.settings.sounds)
        notice.write_bytes(b"")
        nothing = one_call(pbx, ami, "13997360011")
        notice.unlink()
        write_wav(notice, np.zeros(0, dtype=np.int16))
        silent = one_call(pbx, ami, "13997360012")
        statuses = [
            ami.wait_event("HotlineNotice", Uniqueid=it)["Status"] for it in (missing, nothing, silent)
        ]
        assert statuses == ["failed"] * 3
        assert not ami.events("HotlineRecording") + ami.events("MixMonitorStart")
        assert not list(pbx.settings.recordings.iterdir())
