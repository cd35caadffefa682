"""``hotline draft | drafting``: tickets from transcripts, without a PBX."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from config.catalogue_store import city_in_force
from ticketing_bridge.cli.output import Json, console, errors, print_json
from ticketing_bridge.drafting import draft_rows, evaluate, plain, table
from ticketing_bridge.drafting.composed import composed
from ticketing_bridge.drafting.draft import CALIBRATED
from ticketing_bridge.drafting.evaluate import Score
from ticketing_bridge.drafting.fitting import calibration_text, crossed, fit_weights, lessons
from ticketing_bridge.drafting.fitting import fit as fit_calibration
from ticketing_bridge.drafting.learned import FIELDS, Comparison, best_temperature, cross_validate
from ticketing_bridge.drafting.learned import train as learn
from ticketing_bridge.drafting.lines import CallLineInvalid, read_labelled

_drafting = typer.Typer(no_args_is_help=True, help="How good the drafting is.")

#: fewer labelled calls say nothing about what is learned
LEAST_CALLS = 20
Files = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True)]


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(_drafting, name="drafting")
    app.command()(draft)


def draft(files: Files) -> None:
    """Draft tickets from transcripts: JSON Lines in, one draft a line out.

    A line that is no call gives a line with its error; the others go on. Exit code 1 when there was one.
    """
    wrong = 0
    for row in draft_rows(_lines(files), city_in_force()):
        wrong += "error" in row
        print(json.dumps(row, ensure_ascii=False))
        if "error" in row:
            fault = row["error"]
            errors.print(f"{fault['error_id']}: {fault['message']}", highlight=False, markup=False)
    if wrong:
        raise typer.Exit(1)


def _lines(files: list[Path]) -> Iterator[str]:
    for path in files:
        with path.open(encoding="utf-8", errors="surrogateescape") as lines:
            yield from lines


@_drafting.command("evaluate")
def evaluate_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Labelled calls, JSON Lines.")],
    noise: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share of characters to disturb before drafting.")
    ] = 0.0,
    seed: Annotated[str, typer.Option(help="Another disturbance of the same strength.")] = "",
    faults: Annotated[bool, typer.Option("--faults", help="Also show what was wrong.")] = False,
    json_: Json = False,
) -> None:
    """Precision and recall of every field against labelled calls, with Wilson intervals."""
    found = evaluate(_lines([file]), city_in_force(), noise=noise, seed=seed)
    if json_:
        print_json(plain(found))
        return
    console.print(table(found), highlight=False)
    if faults:
        for name, score in found.fields.items():
            for call, given, wanted in score.faults:
                console.print(f"{name} {call}: {given!r}, wanted {wanted!r}", highlight=False, markup=False)


@_drafting.command()
def train(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The city's own labelled calls.")],
    out: Annotated[Path | None, typer.Option(help="Where to write the model.")] = None,
    folds: Annotated[int, typer.Option(min=2, max=20)] = 5,
    json_: Json = False,
) -> None:
    """Learn purpose, appeal and unit from labelled calls, and show whether that beats the rules.

    It is compared by cross-validation. The model counts only for fields where it beat the rules, and only
    when HOTLINE_DRAFTING_MODEL names it. Exit code 1: the rules are as good everywhere.
    """
    rows = read_labelled(_lines([file]), FIELDS)
    if len(rows) < LEAST_CALLS:
        raise CallLineInvalid(f"{len(rows)} labelled calls are too few", fix=f"label at least {LEAST_CALLS}")
    temperature = best_temperature(rows)
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task("cross-validation", total=folds)
        compared = cross_validate(rows, city_in_force(), folds, temperature, lambda: progress.advance(task))
    better = {it.field: it.better for it in compared}
    if out:
        out.write_text(learn(rows, better, temperature).dumps(), encoding="utf-8")
    if json_:
        print_json({"calls": len(rows), "folds": folds, "fields": [_comparison(it) for it in compared]})
    else:
        console.print(_comparisons(compared), highlight=False)
        if out:
            console.print(f"written: {out}; switch it on with HOTLINE_DRAFTING_MODEL={out}", highlight=False)
    if not any(better.values()):
        raise typer.Exit(1)


@_drafting.command()
def fit(
    files: Files,
    out: Annotated[Path | None, typer.Option(help="Folder for the weights and calibration.yaml.")] = None,
    folds: Annotated[int, typer.Option(min=2, max=20)] = 5,
    more: Annotated[
        int, typer.Option(min=0, help="Calls put together by chance, to learn from as well.")
    ] = 5000,
    json_: Json = False,
) -> None:
    """Fit all weights (places, parties, purpose, appeal, marks) and probabilities to labelled calls.

    Prints how right drafts are by cross-validation: each call is drafted by weights that have not seen it.
    A call may be labelled in part; one that is labelled with marks alone is only learned from. The shipped
    weights are made by this command.
    """
    read = read_labelled(_lines(files))
    rows = [it for it in read if it["gold"].keys() & set(CALIBRATED)]
    talks = [it for it in read if not it["gold"].keys() & set(CALIBRATED)]
    if len(rows) < LEAST_CALLS:
        raise CallLineInvalid(f"{len(rows)} labelled calls are too few", fix=f"label at least {LEAST_CALLS}")
    city = city_in_force()
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task("fitting", total=folds + 1)
        taught = lessons(rows, city) + lessons([*talks, *composed(more)], city, variants=0)
        found, judged = crossed(rows, taught, city, folds, ("",), lambda: progress.advance(task))
        if out:
            out.mkdir(parents=True, exist_ok=True)
            fit_weights(taught).write(out)
            (out / "calibration.yaml").write_text(calibration_text(fit_calibration(found)), encoding="utf-8")
    if json_:
        print_json(plain(judged))
        return
    console.print(table(judged), highlight=False)
    if out:
        console.print(f"written: {out}", highlight=False)


def _comparison(it: Comparison) -> dict[str, Any]:
    scores = {"rules": it.rules, "learned": it.learned, "together": it.together}
    return {
        "field": it.field,
        **{
            name: {"right": score.right, "share": score.recall, "interval": score.recall_interval}
            for name, score in scores.items()
        },
        "gained": it.gained,
        "lost": it.lost,
        "p": it.p,
        "better": it.better,
    }


def _comparisons(compared: list[Comparison]) -> str:
    lines = [f"{'field':<10}{'rules':>20}{'learned':>20}{'together':>20}  gained lost      p  counts"]
    for it in compared:
        shares = "".join(f"{_share(score):>20}" for score in (it.rules, it.learned, it.together))
        counts = "yes" if it.better else "no"
        lines.append(f"{it.field:<10}{shares}  {it.gained:>6}{it.lost:>5}{it.p:>7.3f}  {counts}")
    return "\n".join(lines)


def _share(score: Score) -> str:
    around = score.recall_interval or (0.0, 0.0)
    return f"{score.recall or 0:.2f} ({around[0]:.2f}–{around[1]:.2f})"
