"""Where the local PBX keeps what: one place for the renderer, the starter and the witnesses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings

#: columns of ``PbxPaths.cdr``; times are epoch seconds with microseconds, empty when it did not happen
CDR_FIELDS = (
    "uniqueid",
    "linkedid",
    "start",
    "answer",
    "end",
    "src",
    "dst",
    "disposition",
    "channel",
    "dstchannel",
    "dcontext",
    "lastapp",
    "sequence",
    "did",
)

#: columns of ``PbxPaths.cel``; ``eventtime`` is epoch seconds with microseconds
CEL_FIELDS = (
    "eventtype",
    "eventtime",
    "uniqueid",
    "linkedid",
    "channel",
    "caller",
    "exten",
    "context",
    "app",
    "appdata",
    "peer",
    "userdeftype",
    "extra",
)


@dataclass(frozen=True, slots=True)
class PbxPaths:
    """Folders and files of the local PBX of one home."""

    root: Path
    run: Path
    #: Asterisk's own output (start-up errors, warnings)
    output: Path

    @classmethod
    def of(cls, settings: Settings) -> PbxPaths:
        """The local PBX of these settings."""
        home = settings.home.absolute()
        return cls(home / "pbx", home / "run", home / "log" / "asterisk.log")

    @property
    def etc(self) -> Path:
        return self.root / "etc"

    @property
    def config(self) -> Path:
        return self.etc / "asterisk.conf"

    @property
    def state(self) -> Path:
        """astdb and the like."""
        return self.root / "state"

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    @property
    def recordings(self) -> Path:
        return self.spool / "monitor"

    @property
    def sounds(self) -> Path:
        return self.root / "sounds"

    @property
    def hold_music(self) -> Path:
        """Folder of one music class a subfolder: ``waiting`` and ``hold``."""
        return self.sounds / "moh"

    @property
    def documentation(self) -> Path:
        """Asterisk reads its option tables from here: without them modules decline."""
        return self.root / "documentation"

    @property
    def logs(self) -> Path:
        return self.root / "log"

    @property
    def queue_log(self) -> Path:
        return self.logs / "queue_log"

    @property
    def cdr(self) -> Path:
        return self.logs / "cdr-custom" / "Master.csv"

    @property
    def cel(self) -> Path:
        return self.logs / "cel-custom" / "Master.csv"

    @property
    def control(self) -> Path:
        """The control socket that ``asterisk -rx`` speaks to."""
        return self.run / "asterisk.ctl"

    def folders(self) -> tuple[Path, ...]:
        """Every folder that must be there before Asterisk starts."""
        return (
            self.run,
            self.etc,
            self.state,
            self.spool,
            self.recordings,
            self.sounds / "hotline",
            self.hold_music / "waiting",
            self.hold_music / "hold",
            self.root / "agi-bin",
            self.root / "keys",
            self.logs,
            self.cdr.parent,
            self.cel.parent,
            self.output.parent,
        )
