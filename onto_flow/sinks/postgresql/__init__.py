"""The sink `postgresql:`: one typed table per view. `sink` joins the rest: types, tables, publication, connection."""

from __future__ import annotations

from .sink import PostgresSink as PostgresSink
