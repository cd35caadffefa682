"""No notice, no recording."""

from __future__ import annotations

import pytest

from config.hotline import Hotline
from telephony.pbx.program import AsteriskProgram
from tests.pbx import pbx_up
from tests.sip_phone import SipPhone

pytestmark = pytest.mark.pbx


def test_without_the_notice_nothing_is_recorded(asterisk_program: AsteriskProgram, endings: Hotline) -> None:
    with (
        pbx_up(asterisk_program, endings, sounds=False) as pbx,
        pbx.reader() as ami,
        SipPhone("13997360010", pbx.settings.sip_port) as caller,
    ):
        assert caller.call("12345") == 200
        call = ami.wait_event("HotlineQueue", 10)["Uniqueid"]
        caller.hang_up()
        assert ami.wait_event("HotlineEnded", 5, Uniqueid=call)["Notice"] == "failed"
        assert ami.wait_event("HotlineNotice", Uniqueid=call)["Status"] == "failed"
        assert not ami.events("HotlineRecording") + ami.events("MixMonitorStart")
        assert not list(pbx.settings.recordings.iterdir())
