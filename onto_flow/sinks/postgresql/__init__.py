"""The sink `postgresql:`: one typed table per view. `sink` joins what the other files hold."""

from __future__ import annotations

from .sink import PostgresSink as PostgresSink
