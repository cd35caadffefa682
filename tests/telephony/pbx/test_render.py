"""The rendered configuration: nothing of ours or of a city's file can mean more than it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.hotline import Hotline, load_hotline
from config.secrets import Secrets
from config.settings import Settings
from facts.prompts import prompt_name
from telephony.pbx.local import needs_restart
from telephony.pbx.render import render_include, render_pbx
from telephony.pbx.values import PbxConfigInvalid

SECRETS = Secrets()
BUILT_IN = load_hotline()
HOSTILE = st.text(st.sampled_from("a1.:-/\\;\"'$${}()[],|=>#\n\r\0\t 火 \u2028")) | st.sampled_from(
    [
        "x\nexten => _X.,1,Dial(PJSIP/${EXTEN})",
        "x;y",
        "#exec /bin/id",
        "${SHELL(id)}",
        "[general]",
        "1.2.3.4\n",
    ]
)


def settings(home: Path | str = "/srv/hotline") -> Settings:
    return Settings(home=Path(home))


def changed(**values: object) -> Hotline:
    return BUILT_IN.model_copy(update=values)


def render(hotline: Hotline = BUILT_IN, home: Path | str = "/srv/hotline") -> dict[str, str]:
    return render_pbx(settings(home), hotline, SECRETS, modules=Path("/usr/lib/asterisk/modules"))


@given(HOSTILE, HOSTILE, HOSTILE)
def test_words_of_the_city_never_reach_the_configuration(name: str, greeting: str, person: str) -> None:
    lines = tuple(it.model_copy(update={"name": name, "greeting": greeting}) for it in BUILT_IN.lines)
    queues = tuple(it.model_copy(update={"name": name}) for it in BUILT_IN.queues)
    agents = tuple(it.model_copy(update={"name": person}) for it in BUILT_IN.agents)
    assert render(changed(city=name, name=name, lines=lines, queues=queues, agents=agents)) == render()


@given(HOSTILE)
def test_the_notice_is_named_by_its_digest(notice: str) -> None:
    ours = prompt_name(BUILT_IN.notice)
    assert (
        render(changed(notice=notice))["extensions.conf"].replace(prompt_name(notice), ours)
        == (render()["extensions.conf"])
    )


def rendered_or_refused(hotline: Hotline, home: str, setting: str) -> dict[str, str] | None:
    """The files, or None after seeing that the error names what to change."""
    try:
        return render(hotline, home)
    except PbxConfigInvalid as problem:
        refused = str(problem)
    assert setting in refused
    return None


@given(HOSTILE)
def test_a_trunk_is_an_address_or_an_error(host: str) -> None:
    files = rendered_or_refused(changed(trunk_hosts=(host,)), "/srv/hotline", "trunk_hosts")
    if files is not None:
        pjsip = files["pjsip.conf"]
        assert re.findall(r"^match = (.*)$", pjsip, re.MULTILINE) == [host]
        assert len(pjsip.splitlines()) == len(render()["pjsip.conf"].splitlines())


@given(HOSTILE)
def test_a_folder_is_plain_or_an_error(folder: str) -> None:
    files = rendered_or_refused(BUILT_IN, f"/srv/{folder}", "HOTLINE_HOME")
    if files is not None:
        assert {name: len(text.splitlines()) for name, text in files.items()} == {
            name: len(text.splitlines()) for name, text in render().items()
        }


@pytest.mark.parametrize("hotline", [BUILT_IN, load_hotline(Path(__file__).parent)], ids=["built in", "test"])
def test_every_number_is_written_out_and_the_trunk_dials_nothing(hotline: Hotline) -> None:
    dialplan = render(hotline)["extensions.conf"]
    assert "${EXTEN}" not in dialplan
    assert not re.search(r"^exten => _", dialplan, re.MULTILINE)
    contexts = dict(re.findall(r"^\[([\w-]+)\]\n(.*?)(?=^\[|\Z)", dialplan, re.MULTILINE | re.DOTALL))
    numbers = [number for line in hotline.lines for number in line.numbers]
    assert re.findall(r"^exten => ([^,]+),", contexts["hotline-from-trunk"], re.MULTILINE) == numbers
    dialling = {
        name: re.findall(r"Dial\(([^,]+),", text) for name, text in contexts.items() if "Dial(" in text
    }
    assert dialling == {
        "hotline-emergency": [f"PJSIP/{it.number}@hotline-trunk" for it in hotline.emergency],
        "hotline-together-service": [f"PJSIP/{it.number}@hotline-trunk" for it in hotline.emergency],
        "hotline-out": ["PJSIP/${to}@hotline-trunk"],
        "hotline-reach": [
            *(f"PJSIP/{agent.id}" for agent in hotline.agents),
            *(f"PJSIP/{it.number}@hotline-trunk" for it in hotline.emergency),
        ],
        "hotline-from-agents": [f"PJSIP/{person.id}" for person in hotline.people],
    }
    assert "Set(LOCAL(to)=${FILTER(0-9,${HOTLINE_NUMBER})})" in contexts["hotline-out"]
    ways_out = [name for name, text in contexts.items() if "Gosub(hotline-out," in text]
    assert ways_out == ["hotline-callback-citizen", "hotline-follow-up-out", "hotline-reach"]
    assert not re.search(r"\b(Transfer|System|SHELL|EVAL)\(", dialplan)
    called = [f"Local/{it.id}@hotline-together-agent/n,exten,hotline-helper" for it in hotline.queues]
    called += [f"Local/{it.id}@hotline-together-service/n,exten,hotline-helper" for it in hotline.emergency]
    assert re.findall(r"Originate\(([^,]*,[^,]*,[^,]*)", dialplan) == called, "places of ours, written out"
    assert dialplan.count("Originate(") == len(called)


def test_recording_is_named_by_the_pbx_and_comes_after_the_notice() -> None:
    dialplan = render()["extensions.conf"]
    recording = (
        r"Playback\((\S+),noanswer\)\n.*HOTLINE_TOOK=.*\n.*HOTLINE_NOTICE=.*\n"
        r"(?:.*UserEvent.*\n){0,2}.*GotoIf.*\n.*MixMonitor\((.*)\)\n"
    )
    assert re.findall(recording, dialplan) == [
        (prompt_name(text), "${UNIQUEID}.wav,r(${UNIQUEID}-rx.wav)t(${UNIQUEID}-tx.wav)")
        for text in (BUILT_IN.notice, BUILT_IN.callback.greeting, BUILT_IN.follow_up.notice)
    ]
    assert dialplan.count("MixMonitor(") == 3


def test_keys_are_those_of_the_configuration_and_nothing_else() -> None:
    dialplan, queues = render()["extensions.conf"], render()["queues.conf"]
    for queue in BUILT_IN.queues:
        text = re.search(
            rf"^\[hotline-keys-{queue.id}\]\n(.*?)(?=^\[|^;)", dialplan, re.MULTILINE | re.DOTALL
        )
        assert text
        assert re.findall(r"^exten => ([^,]+),", text[1], re.MULTILINE) == list(queue.keys)
        assert f"context = hotline-keys-{queue.id}\n" in queues


def test_another_channel_that_goes_in_the_same_moment_ends_no_report() -> None:
    """ChannelRedirect fails then, and what fails ends a handler of hang-ups."""
    redirects = re.findall(r"(\w+\(|,)ChannelRedirect\(", render()["extensions.conf"])
    assert redirects
    assert set(redirects) == {"TryExec("}


def test_calls_go_out_to_the_carrier_that_is_named() -> None:
    def contact(**trunk: object) -> str:
        files = render(changed(trunk=BUILT_IN.trunk.model_copy(update=trunk)))
        return re.findall(r"^contact = (.*)$", files["pjsip.conf"], re.MULTILINE)[0]

    assert contact() == "sip:127.0.0.1:5070"
    assert contact(address="sbc.example.net:5061") == "sip:sbc.example.net:5061"
    assert contact(address="2001:db8::1") == "sip:[2001:db8::1]"
    with pytest.raises(PbxConfigInvalid, match="network"):
        render(changed(trunk_hosts=("10.1.0.0/16",)))


def test_names_that_mean_something_to_asterisk_are_refused() -> None:
    queues = (*BUILT_IN.queues, BUILT_IN.queues[0].model_copy(update={"id": "general"}))
    agents = (BUILT_IN.agents[0].model_copy(update={"id": "global"}),)
    with pytest.raises(PbxConfigInvalid, match="agent global, queue general"):
        render(changed(queues=queues, agents=agents))


def test_manager_users_have_the_least_rights() -> None:
    manager = render()["manager.conf"]
    assert re.findall(r"^write = (.*)$", manager, re.MULTILINE) == ["reporting", "originate,call,agent"]
    assert re.findall(r"^bindaddr = (.*)$", manager, re.MULTILINE) == ["127.0.0.1"]
    assert not re.search(r"\b(all|command|config)\b", manager)


def test_files_to_include_touch_nothing_of_an_existing_pbx() -> None:
    files = render_include(settings(), BUILT_IN, SECRETS, hotline_host="10.1.2.3")
    assert {"extensions_hotline.conf", "pjsip_hotline.conf", "README.md"} <= files.keys()
    assert all(name.endswith("_hotline.conf") or name == "README.md" for name in files)
    assert not [name for name, text in files.items() if name != "README.md" and "[general]" in text]
    assert "type = transport" not in files["pjsip_hotline.conf"]
    assert "agi://10.1.2.3:" in files["extensions_hotline.conf"]
    assert not [
        name
        for name in files
        if name != "README.md" and name[: -len("_hotline.conf")] not in files["README.md"]
    ]
    with pytest.raises(PbxConfigInvalid):
        render_include(settings(), BUILT_IN, SECRETS, hotline_host="10.1.2.3/flow\n")


def test_only_paths_modules_and_transport_need_a_restart() -> None:
    before = render()
    assert not needs_restart(before, render(load_hotline(Path(__file__).parent)))
    assert needs_restart(before, render(home="/srv/other"))
    moved = render_pbx(Settings(home=Path("/srv/hotline"), sip_port=5099), BUILT_IN, SECRETS)
    assert needs_restart(before, {**before, "pjsip.conf": moved["pjsip.conf"]})
