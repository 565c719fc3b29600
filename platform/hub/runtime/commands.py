"""Which command is whose: ours, or one of Django's with a database under it."""

from __future__ import annotations

import os

from hub.runtime.embedded import SETTINGS_MODULE, Embedded, running_urls
from hub.runtime.home import resolve
from hub.runtime.signals import interruptible

WITHOUT_DATABASE = frozenset(
    (
        *("help", "--help", "-h", "--version", "version", "check", "makemigrations"),
        *("makemessages", "compilemessages", "collectstatic", "findstatic"),
        *("diffsettings", "startapp", "startproject"),
    )
)


def run(argv: list[str]) -> int:
    """Runs ``manage.py`` with ``argv`` (the script's name first); returns the exit status."""
    command, rest = (argv[1:2] or ["help"])[0], argv[2:]
    match command:
        case "demo":
            from hub.proof.demo import main  # noqa: PLC0415 (the others need not pay for it)
        case "chaos":
            from hub.proof.chaos.command import main  # noqa: PLC0415
        case "up":
            from hub.runtime.up import main  # noqa: PLC0415
        case "test":
            from hub.runtime.test import main  # noqa: PLC0415
        case "lint":
            from hub.runtime.lint import main  # noqa: PLC0415
        case "doctor":
            from hub.runtime.doctor.command import main  # noqa: PLC0415
        case "new_connector":
            from hub.runtime.new_connector.command import main  # noqa: PLC0415
        case _:
            return _django([argv[0], command, *rest])
    return main(rest)


def _django(argv: list[str]) -> int:
    """Runs one of Django's commands; where no database runs, one runs as long as it does."""
    argv, home = take_home(argv)
    if home:
        os.environ["CROSSDOCK_HOME"] = home
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS_MODULE)
    given = all(os.environ.get(name) for name in ("DATABASE_URL", "REDIS_URL"))
    if given or argv[1] in WITHOUT_DATABASE or running_urls(resolve()):
        return _execute(argv)
    with interruptible(), Embedded(resolve()) as embedded:
        os.environ.update(embedded.environ())
        return _execute(argv)


def _execute(argv: list[str]) -> int:
    from django.core.management import execute_from_command_line  # noqa: PLC0415 (heavy)

    execute_from_command_line(argv)
    return 0


def take_home(argv: list[str]) -> tuple[list[str], str]:
    """``argv`` without ``--home DIR`` or ``--home=DIR``, and DIR (empty without)."""
    rest, home, arguments = [], "", iter(argv)
    for argument in arguments:
        if argument == "--home":
            home = next(arguments, "")
        elif argument.startswith("--home="):
            home = argument.removeprefix("--home=")
        else:
            rest.append(argument)
    return rest, home
