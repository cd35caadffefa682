"""``hotline flows prompts``: what callers hear, text by text: missing, synthesised or recorded."""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from facts.errors import HotlineError
from ivr_flows import FlowStore
from ivr_flows.prompts import render_prompts
from ivr_flows.said import prompt_uses
from ivr_flows.studio import PromptSound, PromptState, install_recordings, list_prompts, strangers
from ticketing_bridge.cli.output import Json, console, errors, print_json
from ticketing_bridge.house import open_house

#: programs that play a WAV file, in the order of trying
PLAYERS = (("aplay", "-q"), ("paplay",), ("afplay",), ("play", "-q"), ("ffplay", "-nodisp", "-autoexit"))
MARKS = {PromptState.MISSING: "✗", PromptState.SYNTHESISED: "~", PromptState.RECORDED: "✓"}


class NothingPlays(HotlineError):
    """This machine has no program that plays sound."""

    error_id = "nothing-plays"


class NoSuchPrompt(HotlineError):
    """No prompt has this name or text."""

    error_id = "no-such-prompt"


def prompts(
    render: Annotated[bool, typer.Option("--render", help="Synthesise what is missing.")] = False,
    play: Annotated[str, typer.Option(help="Play the prompts whose name, text or flow this is.")] = "",
    script: Annotated[
        Path | None, typer.Option(help="Write the studio's script (CSV): file name, text, where it is said.")
    ] = None,
    json_: Json = False,
) -> None:
    """List every prompt: ✗ missing, ~ synthesised, ✓ recorded in a studio.

    Recordings are put into the folder ``studio`` of the home under the names listed here. Exit code 1 while
    any prompt is missing.
    """
    house = open_house()
    settings = house.settings
    uses = prompt_uses(house.hotline, FlowStore(settings.flow_folder))
    install_recordings(uses, settings.studio, settings.sounds)
    if render:
        with Progress(console=errors, transient=True) as progress:
            task = progress.add_task("prompts", total=None)
            render_prompts(
                uses, settings.sounds, lambda done, total: progress.update(task, completed=done, total=total)
            )
    sounds = list_prompts(uses, settings.sounds)
    if script is not None:
        _write_script(script, sounds)
    if play:
        _play(_chosen(sounds, play))
    elif json_:
        print_json([{**asdict(sound), "file": str(sound.file)} for sound in sounds])
    else:
        _print(sounds, strangers(uses, settings.studio), settings.studio)
    raise typer.Exit(1 if any(sound.state is PromptState.MISSING for sound in sounds) else 0)


def _print(sounds: list[PromptSound], unknown: list[Path], studio: Path) -> None:
    for sound in sounds:
        length = "  —  " if sound.ms is None else f"{sound.ms / 1000:4.1f} s"
        console.print(
            f"{MARKS[sound.state]} {sound.name}  {length}  {sound.text}  ({', '.join(sound.used_in)})",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    counts = Counter(sound.state for sound in sounds)
    told = ", ".join(f"{counts[state]} {state}" for state in PromptState)
    console.print(f"{told}; recordings are looked for in {studio}", highlight=False, markup=False)
    for path in unknown:
        console.print(f"! {path.name}: no prompt has this name", highlight=False, markup=False)


def _write_script(path: Path, sounds: list[PromptSound]) -> None:
    """For the studio, in a form that spreadsheet programs read (UTF-8 with a mark)."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(["文件名", "文字", "用在", "合成语音秒数", "现在用的"])
        states = {PromptState.MISSING: "缺", PromptState.SYNTHESISED: "合成", PromptState.RECORDED: "录音"}
        for it in sounds:
            seconds = "" if it.ms is None else f"{it.ms / 1000:.1f}"
            table.writerow([f"{it.name}.wav", it.text, "、".join(it.used_in), seconds, states[it.state]])


def _chosen(sounds: list[PromptSound], wanted: str) -> list[PromptSound]:
    found = [it for it in sounds if it.name == wanted or wanted in it.text or wanted in it.used_in]
    if not found:
        raise NoSuchPrompt(f"no prompt is {wanted!r}", fix="hotline flows prompts lists names and texts")
    return found


def _play(sounds: list[PromptSound]) -> None:
    player = next((it for it in PLAYERS if shutil.which(it[0])), None)
    if player is None:
        raise NothingPlays(
            f"no program here plays sound; the first file is {sounds[0].file}",
            fix=f"install one of {', '.join(it[0] for it in PLAYERS)}, or copy the file elsewhere",
        )
    for sound in sounds:
        if sound.ms is not None:
            console.print(sound.text, highlight=False, markup=False)
            subprocess.run([*player, str(sound.file)], check=False)
