"""The local PBX: started, found again, changed, in the way, gone."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.hotline import Hotline, load_hotline
from config.secrets import load_or_make_secrets
from telephony.pbx.local import LocalPbx, PbxFolderUnusable
from telephony.pbx.process import PbxNotRunning, PbxPortTaken, PbxStartFailed, process_runs
from telephony.pbx.program import AsteriskProgram
from telephony.pbx.render import render_include
from tests.pbx import RunningPbx, pbx_settings, pbx_up

pytestmark = pytest.mark.pbx


def local(pbx: RunningPbx, hotline: Hotline | None = None) -> LocalPbx:
    return LocalPbx(pbx.settings, hotline or pbx.hotline, pbx.secrets, pbx.program)


def test_it_serves_what_the_configuration_says(endings_pbx: RunningPbx) -> None:
    status = asyncio.run(endings_pbx.pbx.status())
    assert status.running
    assert status.version.startswith("Asterisk ")
    dialplan = endings_pbx.cli("dialplan show hotline-from-trunk")
    assert all(f"'{number}'" in dialplan for number in ("12345", "+8612345", "8410001"))
    assert "hotline-trunk" in endings_pbx.cli("pjsip show endpoints")
    assert "PJSIP/agent101" in endings_pbx.cli("queue show main")
    assert "CEL Custom CSV Logging" in endings_pbx.cli("cel show status")
    assert "CDR File custom" in endings_pbx.cli("cdr show status")
    start = endings_pbx.pbx.paths.output.read_text().partition("Asterisk Ready.")[0]
    assert "ERROR" not in start
    assert "WARNING" not in start


def test_a_second_start_takes_it_up_and_a_changed_file_is_reloaded(asterisk_program: AsteriskProgram) -> None:
    with pbx_up(asterisk_program, load_hotline(), sounds=False) as pbx:
        again = asyncio.run(local(pbx).start())
        assert again.reused
        assert again.changed == ()
        assert pbx.pbx.differences() == {}
        changed = pbx.hotline.model_copy(
            update={"queues": (*pbx.hotline.queues[:-1], pbx.hotline.queues[-1])}
        )
        line = changed.lines[0].model_copy(update={"numbers": ("12345", "8410099")})
        changed = changed.model_copy(update={"lines": (line, *changed.lines[1:])})
        (in_place, wanted) = local(pbx, changed).differences()["extensions.conf"]
        assert ("8410099" in in_place, "8410099" in wanted) == (False, True)
        reloaded = asyncio.run(local(pbx, changed).start())
        assert (reloaded.pid, reloaded.changed) == (again.pid, ("extensions.conf",))
        assert "'8410099'" in pbx.cli("dialplan show hotline-from-trunk")
        other = pbx_settings(pbx.settings.home, ami_port=pbx.settings.ami_port)
        moved = asyncio.run(LocalPbx(other, changed, pbx.secrets, pbx.program).start())
        assert moved.pid != again.pid
        assert not process_runs(again.pid, str(pbx.pbx.paths.config))


def test_a_taken_port_is_named(asterisk_program: AsteriskProgram, endings: Hotline, tmp_path: Path) -> None:
    settings = pbx_settings(tmp_path)
    pbx = LocalPbx(settings, endings, load_or_make_secrets(tmp_path), asterisk_program)
    with socket.create_server(("127.0.0.1", settings.ami_port)), socket.socket(type=socket.SOCK_DGRAM) as sip:
        sip.bind(("127.0.0.1", settings.sip_port))
        with pytest.raises(PbxPortTaken) as refused:
            asyncio.run(pbx.start())
    for part in (str(settings.ami_port), str(settings.sip_port), "HOTLINE_AMI_PORT", "HOTLINE_SIP_PORT"):
        assert part in str(refused.value)
    assert not asyncio.run(pbx.status()).running
    with pytest.raises(PbxNotRunning):
        asyncio.run(pbx.cli("core show version"))


def test_it_serves_on_when_its_starter_is_killed(asterisk_program: AsteriskProgram, tmp_path: Path) -> None:
    settings = pbx_settings(tmp_path)
    if asterisk_program.origin != "system":
        settings = settings.model_copy(update={"asterisk": Path(asterisk_program.origin)})
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, settings.model_dump_json()], stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert starter.stdout
    assert starter.stdout.readline() == "up\n"
    starter.kill()
    starter.wait()
    starter.stdout.close()
    pbx = LocalPbx(settings, load_hotline(), load_or_make_secrets(tmp_path), asterisk_program)
    time.sleep(0.3)
    assert asyncio.run(pbx.status()).running
    assert asyncio.run(pbx.start()).reused
    assert asyncio.run(pbx.stop())
    assert not asyncio.run(pbx.stop())


STARTER = """
import asyncio, sys
from config.hotline import load_hotline
from config.secrets import load_or_make_secrets
from config.settings import Settings
from telephony.pbx.install import ensure_asterisk
from telephony.pbx.local import LocalPbx
import structlog; structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
async def main():
    settings = Settings.model_validate_json(sys.argv[1])
    pbx = LocalPbx(settings, load_hotline(), load_or_make_secrets(settings.home), ensure_asterisk(settings))
    await pbx.start()
    print("up", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def test_a_folder_that_cannot_be_is_named(
    asterisk_program: AsteriskProgram, endings: Hotline, tmp_path: Path
) -> None:
    (tmp_path / "home").write_text("a file")
    pbx = LocalPbx(
        pbx_settings(tmp_path / "home"), endings, load_or_make_secrets(tmp_path / "else"), asterisk_program
    )
    with pytest.raises(PbxFolderUnusable, match="HOTLINE_HOME"):
        asyncio.run(pbx.start())


def test_a_full_disk_is_named(
    asterisk_program: AsteriskProgram, endings: Hotline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    pbx = LocalPbx(pbx_settings(tmp_path), endings, load_or_make_secrets(tmp_path), asterisk_program)
    with pytest.raises(PbxFolderUnusable, match="make room"):
        asyncio.run(pbx.start())


def test_a_home_too_deep_for_a_socket_is_named(
    asterisk_program: AsteriskProgram, endings: Hotline, tmp_path: Path
) -> None:
    home = tmp_path / ("deep" * 25)
    pbx = LocalPbx(pbx_settings(home), endings, load_or_make_secrets(home), asterisk_program)
    with pytest.raises(PbxStartFailed, match="shorter path"):
        asyncio.run(pbx.start())


def test_asterisk_that_refuses_is_quoted(
    asterisk_program: AsteriskProgram, endings: Hotline, tmp_path: Path
) -> None:
    pbx = LocalPbx(pbx_settings(tmp_path), endings, load_or_make_secrets(tmp_path), asterisk_program)
    asyncio.run(pbx.start())
    asyncio.run(pbx.stop())
    modules = pbx.paths.etc / "modules.conf"
    modules.write_text(modules.read_text() + "require = no_such_module.so\n")
    with pytest.raises(PbxStartFailed, match="no_such_module"):
        asyncio.run(pbx.process.start())


def test_files_to_include_work_in_another_pbx(
    asterisk_program: AsteriskProgram, endings: Hotline, tmp_path: Path
) -> None:
    settings = pbx_settings(tmp_path)
    secrets = load_or_make_secrets(tmp_path)
    pbx = LocalPbx(settings, endings, secrets, asterisk_program)
    asyncio.run(pbx.start())
    asyncio.run(pbx.stop())
    ours = render_include(settings, endings, secrets)
    for name, text in ours.items():
        (pbx.paths.etc / name).write_text(text)
    for name in ("extensions", "pjsip", "queues", "musiconhold", "manager", "cdr_custom", "cel_custom"):
        path = pbx.paths.etc / f"{name}.conf"
        head = path.read_text().split("\n\n; ----" if name == "pjsip" else "\n\n")[0] + "\n"
        head = "[mappings]" if name.endswith("custom") else head
        path.write_text(f'{head}\n#include "{name}_hotline.conf"\n')
    asyncio.run(pbx.process.start())
    try:
        show = {
            it: asyncio.run(pbx.cli(it)) for it in ("dialplan show hotline-from-trunk", "queue show main")
        }
        assert "'12345'" in show["dialplan show hotline-from-trunk"]
        assert "agent101" in show["queue show main"]
        assert "hotline-trunk" in asyncio.run(pbx.cli("pjsip show endpoints"))
        assert "reporting" in asyncio.run(pbx.cli("manager show user hotline-reader"))
        assert "CDR File custom" in asyncio.run(pbx.cli("cdr show status"))
    finally:
        asyncio.run(pbx.stop())
