"""The peer with Polars: documents become columns, joins and groups are Polars' own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.peers.files import read_export
from benchmarks.peers.measured import Phases, run_backfill

COLUMNS = {
    "users": {
        "firstName": pl.String,
        "lastName": pl.String,
        "organization": pl.String,
        "hearingAidRequested": pl.Boolean,
    },
    "tickets": {"attendance": pl.Boolean, "user": pl.String},
    "locations": {"name": pl.String},
    "meetings": {"title": pl.String, "status": pl.String, "location": pl.String, "tickets": pl.List(pl.String)},
}


def frames(place: Path) -> dict[str, pl.DataFrame]:
    """Collection -> its documents."""
    columns: dict[str, dict[str, list[Any]]] = {c: {n: [] for n in ("path", *names)} for c, names in COLUMNS.items()}
    for path, fields in read_export(place):
        held = columns[path.partition("/")[0]]
        for name, values in held.items():
            values.append(path if name == "path" else fields.get(name))
    return {c: pl.DataFrame(held, schema={"path": pl.String, **COLUMNS[c]}) for c, held in columns.items()}


def table_of(held: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """The view table."""
    meetings = held["meetings"].lazy().filter(pl.col("status") != "not-started")
    name = pl.concat_str(["firstName", "lastName"], separator=" ").alias("name")
    attending = (
        meetings.select("path", "tickets")
        .explode("tickets")
        .join(held["tickets"].lazy().filter("attendance"), left_on="tickets", right_on="path")
        .join(held["users"].lazy(), left_on="user", right_on="path")
        .sort("path", "tickets")
        .group_by("path", maintain_order=True)
        .agg(
            pl.struct(name, "organization", "hearingAidRequested").alias("attending"),
            pl.col("hearingAidRequested").sum().cast(pl.Int64).alias("numHearingAidRequested"),
        )
    )
    empty = pl.lit([], dtype=attending.collect_schema()["attending"])
    return (
        meetings.join(attending, on="path", how="left")
        .join(held["locations"].lazy().rename({"name": "address"}), left_on="location", right_on="path", how="left")
        .select(
            pl.col("path").str.replace("meetings/", "meetingSessions/", literal=True).alias("__path__"),
            "title",
            (pl.col("status") == "in-session").alias("inSession"),
            "address",
            pl.col("attending").fill_null(empty),
            pl.col("numHearingAidRequested").fill_null(0),
        )
        .sort("__path__")
        .collect()
    )


def backfill(place: Path, target: Path, phases: Phases) -> None:
    with phases("read"):
        held = frames(place)
    with phases("compute"):
        table = table_of(held)
    with phases("write"):
        target.mkdir(parents=True, exist_ok=True)
        table.write_parquet(target / "part-0.parquet")


if __name__ == "__main__":
    run_backfill(backfill)
