"""``manage.py demo``: real retail transactions through the hub, broken and healed, and counted.

    demo [--once] [--json] [--home DIR] [--port N] [--sabotage lose|double|cent|stock]
         [--brand NAME] [--logo FILE] [--colour HEX] [--only DAY] [--pace SECONDS]

``--once`` plays the story to its end and exits 0 only if every expectation held; without it the
installation stays up until Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from hub.proof import asking, cut
from hub.proof.board import Board
from hub.proof.neighbour import Neighbour
from hub.proof.outside import OutsideError, until
from hub.proof.stage import HERE, PASSWORD, Stage, installation_for
from hub.proof.story import Story, Timing
from hub.proof.verdict import reasons
from hub.runtime.complaint import Complaint
from hub.runtime.home import Home, resolve
from hub.runtime.processes import DEFAULT_PORT
from hub.runtime.signals import interruptible, wait_to_be_stopped

DECLARATION = HERE / "data" / "demo.toml"
PARTNER, NEIGHBOUR = "harbourside", "lindenworks"
COUNTS_UNTIL = 120.0
MADE_UP = """Orders, receipts, cancellations and all their dirt are real
(UCI Online Retail, 8 to 21 August 2011, CC BY 4.0). Made up by us: payments, taxes,
opening stock, the stores, people's names and e-mail addresses."""


def main(argv: list[str]) -> int:
    """0 if every expectation held (``--once``) or the person stopped it; 1 if one did not.
    Raises Complaint for what a person must mend first."""
    asked = _asked(argv)
    say = _silent if asked.json else _say
    home = resolve(asked.home)
    try:
        with interruptible():
            return _show_all(asked, home, say)
    except KeyboardInterrupt:
        say("Stopped.")
        return 130 if asked.once else 0


def _show_all(asked: argparse.Namespace, home: Home, say: Any) -> int:
    """The whole demo on a started installation; afterwards, with ``--once``, a warm start."""
    began = time.monotonic()
    say("Starting PostgreSQL, Redis, web, ingress, workers and scheduler …")
    with installation_for(home, asked.port) as installation:
        served = installation.served_after
        stage = Stage(installation, asked.only)
        say(f"  up after {served:.0f} s; now shop, tills, ERP and their connections")
        stage.open_outside()
        stage.declare(_declaration(home, asked))
        board = Board(stage, _portals(stage))
        board.start()
        try:
            say(_addresses(stage, board))
            result = _perform(stage, asked, say, began, board) | {"start_s": served}
            if not asked.once:
                _show(result, asked.json)
                say(_next(stage, board))
                wait_to_be_stopped()
                say("Stopping …")
                return 0
        finally:
            board.stop()
    if not asked.sabotage:
        with installation_for(home, asked.port) as installation:
            result["warm_start_s"] = installation.served_after
    _show(result, asked.json)
    return 0 if result["good"] else 1


def _missed(stage: Stage) -> bool:
    """The service desk has an open exception on an article nobody knows."""
    told = stage.exceptions().get(PARTNER, {}).get("exceptions", {})
    return bool(told.get("sku-missing", {}).get("open"))


def _asked(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("manage.py demo", description="See the hub at work.")
    parser.add_argument("--once", action="store_true", help="play the story, judge it, stop")
    parser.add_argument("--json", action="store_true", help="the result as JSON on the last line")
    parser.add_argument("--home", help="folder that holds all state (CROSSDOCK_HOME, else var)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="web; others follow it")
    parser.add_argument("--sabotage", choices=("lose", "double", "cent", "stock"))
    parser.add_argument("--brand", help="a prospect's product name for the first partner")
    parser.add_argument("--logo", type=Path, help="its logo, a PNG, JPEG or WebP file")
    parser.add_argument("--colour", help="its main colour, as #rrggbb")
    parser.add_argument("--only", default="", help="play one day of the extract, as 2011-08-17")
    parser.add_argument("--pace", type=float, default=60.0, help="seconds two weeks take")
    asked = parser.parse_args(argv)
    if asked.colour and not re.fullmatch(r"#?[0-9a-fA-F]{6}", asked.colour):
        raise Complaint(f"{asked.colour} is no colour.", "Give six hex digits, like #0b5d7a.")
    if asked.logo and not asked.logo.is_file():
        raise Complaint(f"There is no logo at {asked.logo}.", "Give the path of an image file.")
    return asked


def _declaration(home: Home, asked: argparse.Namespace) -> Path:
    """The committed declaration, or a copy in the home that wears the prospect's brand."""
    if not (asked.brand or asked.logo or asked.colour):
        return DECLARATION
    text = DECLARATION.read_text(encoding="utf-8")
    if asked.brand:
        text = _replaced(text, "product_name", json.dumps(asked.brand))
    if asked.colour:
        text = _replaced(text, "primary", json.dumps("#" + asked.colour.lstrip("#").lower()))
    if asked.logo:
        logo = json.dumps(str(asked.logo.resolve()))
        text = text.replace("[partners.brand]", f"[partners.brand]\nlogo = {{ file = {logo} }}", 1)
    branded = home.run / "demo.toml"
    branded.write_text(text, encoding="utf-8")
    return branded


def _replaced(text: str, name: str, value: str) -> str:
    """The first line that sets ``name`` (the first partner's) sets it to ``value``."""
    return re.sub(rf"^{name} = .*$", lambda _: f"{name} = {value}", text, count=1, flags=re.M)


def _perform(
    stage: Stage, asked: argparse.Namespace, say: Any, began: float, board: Board
) -> dict[str, Any]:
    """Seed, play, wait, count, judge."""
    story = Story(
        cut.plan(cut.read(stage.extract)), stage.shop, stage.erp, stage.tills, stage, say,
        Timing(play_seconds=asked.pace), scripted=asked.once or asked.json, wish=board.ask_for,
        asked=lambda: _missed(stage),
    )  # fmt: skip
    neighbour = Neighbour(stage.shop2, stage.erp2)
    story.began = began
    before = story.recall()
    fresh = not story.done
    trouble = ""
    try:
        if not before:
            _play(story, neighbour)
        _finish(story)
        until(lambda: _worked_off(stage), story.timing.arrival_seconds, 2.0)
    except OutsideError as error:
        trouble = str(error)
        say(f"  {trouble}")
    say("Counting, in the shop, the tills and the ERP themselves …")
    counted = _count(stage, asked.sabotage)
    told = stage.exceptions()
    result = {
        "counted": counted,
        "lost": counted["lost"],
        "doubled": counted["doubled"],
        "cents_off": counted["cents_off"],
        "stock_wrong": counted["stock_wrong"],
        "exceptions": told.get(PARTNER, {}).get("exceptions", {}),
        "owed": told.get(PARTNER, {}).get("owed", {}),
        "neighbour": neighbour.verdict(),
        "neighbour_exceptions": told.get(NEIGHBOUR, {}).get("exceptions", {}),
        "evidence": story.evidence(),
        "first_order_s": story.marks.get("first_order_s"),
        **{k: v for k, v in story.marks.items() if k != "first_order_s"},
    }
    rule = expectation(story.plan, whole=not asked.only)
    wrong = reasons(result, rule, played=fresh) + ([trouble] if trouble else [])
    return {"good": not wrong, "wrong": wrong, **result}


def expectation(plan: cut.Plan, *, whole: bool) -> dict[str, Any]:
    """The committed list of expected exceptions; for one day of the extract, the same rule with
    the counts of that day's dirt."""
    rule: dict[str, Any] = json.loads((HERE / "data" / "expected.json").read_text(encoding="utf-8"))
    if asking.sent_again(plan) is None:
        del rule["expected"]["replay-conflict"]
    if not whole:
        rule["expected"]["unreadable-line"]["parked"] = len(plan.of("refused"))
        rule["expected"]["sku-missing"]["healed"] = 1 if plan.unknown else 0
    return rule


def _play(story: Story, neighbour: Neighbour) -> None:
    neighbour.seed()
    story.seed()
    story.await_arrival()
    neighbour.sell()
    story.play()


def _finish(story: Story) -> None:
    # Only when all else is there is it sure that the receipts of the unknown article wait for it.
    story.await_quiet(all_known=False)
    story.send_again()
    story.create_unknown()
    story.await_quiet()


def _worked_off(stage: Stage) -> bool:
    """The tills' journals are read, and nothing that was heard waits to be understood."""
    tills = stage.tills.get("/_sim/counts")
    owed = stage.exceptions().get(PARTNER, {}).get("owed", {})
    return not tills["waiting"] and not tills["unread"] and owed.get("events") == 0


def _count(stage: Stage, sabotage: str | None) -> dict[str, Any]:
    """Count until it is right or the time is up; then, if asked, damage one thing and count."""
    latest: dict[str, Any] = {}

    def right() -> bool:
        stage.erp.post("/_sim/ship", {})
        latest.update(stage.count())
        return bool(latest["good"])

    until(right, COUNTS_UNTIL, 3.0)
    return stage.count("--sabotage", sabotage) if sabotage else latest


# ------------------------------------------------------------------ on the screen


def _portals(stage: Stage) -> dict[str, str]:
    port = stage.installation.ports.web
    return {f"portal of {slug}": f"http://{slug}.localhost:{port}" for slug in (PARTNER, NEIGHBOUR)}


def _next(stage: Stage, board: Board) -> str:
    """What a person may look at now that it stays up."""
    port = stage.installation.ports.web
    return f"""What to look at now:
  Break it: {board.url}
    sell ten, take the ERP down, watch the figures fall behind and catch up
  Sell one in the shop's window ({stage.shop.url}) and see it come into the ERP's ({stage.erp.url})
  Change a price in the ERP's window and see it in the shop's and the tills' ({stage.tills.url})
  Sign in at http://{PARTNER}.localhost:{port} as owner@{PARTNER}.example, {PASSWORD}:
    the exceptions, and the journey of any receipt or order (search its number)
  The same password opens http://{NEIGHBOUR}.localhost:{port}: another brand, nothing of the first
Everything stays up; Ctrl-C stops it."""


def _addresses(stage: Stage, board: Board) -> str:
    port = stage.installation.ports.web
    return "\n".join(
        (
            "",
            f"Portal         http://{PARTNER}.localhost:{port}   owner@{PARTNER}.example",
            f"               http://{NEIGHBOUR}.localhost:{port}   owner@{NEIGHBOUR}.example",
            f"Password       {PASSWORD}",
            f"Break it       {board.url}",
            f"Shop           {stage.shop.url}   (18 stores' tills: {stage.tills.url})",
            f"ERP            {stage.erp.url}",
            "",
            MADE_UP,
            "",
        )
    )


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        _say(summary(result))
    sys.stdout.flush()


def summary(result: dict[str, Any]) -> str:
    """The answer first, then the evidence."""
    counts = result["counted"]["counts"]
    lines = ["", "EVERY EXPECTATION HELD" if result["good"] else "NOT EVERYTHING IS RIGHT", ""]
    for system, kinds in counts.items():
        for kind, there in kinds.items():
            right = there.get("right", there["found"])
            lines.append(f"  {system:6s} {kind:10s} {right} of {there['expected']}")
    lines.append(
        f"  {result['lost']} lost, {result['doubled']} doubled, {result['cents_off']} off by cents,"
        f" {result['stock_wrong']} stock figures wrong"
    )
    by_hand = ", ".join(f"{n} {what}" for what, n in counts_by_hand(result).items())
    lines += [f"  made by hand and counted too: {by_hand}"] * bool(by_hand)
    lines += [f"  exceptions {code}: {_told(have)}" for code, have in result["exceptions"].items()]
    lines += [
        f"  it bit: {what.replace('_', ' ')}: {_told(mark)}"
        for what, mark in result["evidence"].items()
    ]
    lines += [f"  WRONG: {reason}" for reason in result["wrong"]]
    lines += [f"    {kind}: {i}" for kind, ids in result["counted"]["ids"].items() for i in ids[:5]]
    return "\n".join([*lines, ""])


def counts_by_hand(result: dict[str, Any]) -> dict[str, int]:
    return dict(result["counted"].get("by_hand", {}))


def _told(mark: Any) -> str:
    """A figure or several, without what is zero."""
    if not isinstance(mark, dict):
        return str(mark)
    told = {k.replace("_", " "): v for k, v in mark.items() if v}
    return ", ".join(k if v is True else f"{k} {v}" for k, v in told.items())


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _silent(line: str) -> None:
    """With ``--json`` the progress goes where it doesn't get in the way."""
    sys.stderr.write(line + "\n")
