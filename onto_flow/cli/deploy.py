"""`deploy`: what must stand around a job, for people to review; nothing is carried out."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from ..core.errors import UsageError
from .command import DONE, VIEWS, Command, say


def _arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("views", help=VIEWS)
    command.add_argument("--target", choices=("dataflow",), default="dataflow")
    command.add_argument("--project", required=True, help="the project's id")
    command.add_argument("--region", required=True, help="where the job and the publisher run: europe-west1")
    command.add_argument("--location", help="where the database is: eur3, nam5 or a region; default: the region")
    command.add_argument("--database", default="(default)", help="the id of the database; default: (default)")
    command.add_argument("--sink", help="where view documents go; default: the same database")
    command.add_argument("--name", default="onto-flow", help="begins the name of all that is made; default: onto-flow")
    command.add_argument(
        "--one-job",
        action="store_true",
        help="a stream that reads the export first, in place of a backfill and a stream",
    )
    command.add_argument("--format", choices=("commands", "terraform"), default="commands")
    out = command.add_mutually_exclusive_group(required=True)
    out.add_argument("--print", action="store_true", help="print it")
    out.add_argument("--out", metavar="DIR", help="write commands, Terraform's JSON and the publisher to a new folder")


def _deploy(arguments: argparse.Namespace) -> int:
    from ..core.collection import members_of
    from ..deploy.dataflow import PUBLISHER, commands, terraform
    from ..deploy.target import Target
    from ..model.compile import plan_views
    from ..plan.clocks import is_timed
    from ..views import load_views

    plan = plan_views(*load_views(arguments.views))
    read = [member for collection, _ in plan.projection.collections for member in members_of(collection)]
    target = Target(
        views=arguments.views,
        collections=tuple(dict.fromkeys(read)),
        name=arguments.name,
        project=arguments.project,
        region=arguments.region,
        location=arguments.location or arguments.region,
        database=arguments.database,
        sink=arguments.sink or f"firestore://{arguments.project}/{arguments.database}",
        jobs=0 if is_timed(plan) else 1 if arguments.one_job else 2,
    )
    if arguments.print:
        print({"commands": commands, "terraform": terraform}[arguments.format](target), end="")
        return DONE
    folder = Path(arguments.out)
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise UsageError("wrong-usage", f"{folder} is there already", fix="Give a folder that is not there.") from error
    (folder / "commands.sh").write_text(commands(target))
    (folder / "main.tf.json").write_text(terraform(target))
    shutil.copytree(PUBLISHER, folder / "publisher", ignore=shutil.ignore_patterns("__pycache__"))
    say(f"{folder}: commands.sh, main.tf.json and publisher/; read them: nothing was carried out", quiet=False)
    return DONE


DEPLOY = Command(
    "deploy", "commands and Terraform for all that a job on Dataflow needs; nothing is carried out", _arguments, _deploy
)
