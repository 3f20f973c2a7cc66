"""Maintained views over document databases: declared once, backfilled, kept right under change."""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

from .core.errors import MissingDocument as MissingDocument
from .core.errors import OntoFlowError as OntoFlowError

__version__ = "0.1.0"

if _TYPE_CHECKING:
    from .core.change import Change as Change
    from .core.change import ViewChange as ViewChange
    from .core.values import GeoPoint as GeoPoint
    from .core.values import Reference as Reference
    from .core.values import Vector as Vector
    from .database.bound import CTX as CTX
    from .database.bound import settings as settings
    from .database.bound import transact as transact
    from .formats.published_table import read_table as read_table
    from .model.accumulator import Accumulator as Accumulator
    from .model.aggregates import agg as agg
    from .model.attrs import attrs as attrs
    from .model.clock import clock as clock
    from .model.compile import plan_views as plan_views
    from .model.domain import DomainModel as DomainModel
    from .model.domain import is_missing as is_missing
    from .model.exported import export_views as export_views
    from .model.maps import MapModel as MapModel
    from .model.members import Many as Many
    from .model.methods import computed as computed
    from .model.methods import operator as operator
    from .model.methods import udf as udf
    from .model.slot import many as many
    from .model.slot import one as one
    from .model.slot import root as root
    from .model.store import Store as Store
    from .model.view import ViewModel as ViewModel
    from .model.windows import Session as Session
    from .model.windows import window as window
else:
    _MODULES = {
        "core.change": "Change ViewChange",
        "core.values": "GeoPoint Reference Vector",
        "database.bound": "CTX settings transact",
        "model.accumulator": "Accumulator",
        "model.aggregates": "agg",
        "model.attrs": "attrs",
        "model.clock": "clock",
        "model.compile": "plan_views",
        "model.domain": "DomainModel is_missing",
        "model.exported": "export_views",
        "model.maps": "MapModel",
        "model.methods": "computed operator udf",
        "model.members": "Many",
        "model.slot": "many one root",
        "model.store": "Store",
        "model.view": "ViewModel",
        "model.windows": "Session window",
    }
    _PLACES = {name: module for module, names in _MODULES.items() for name in names.split()}
    _NEED_PACKAGES = {
        "beam": ("beam", None, "beam"),
        "flink": ("engines.flink", None, "flink"),
        "formats": ("formats", None, "formats"),
        "read_table": ("formats.published_table", "read_table", "parquet"),
    }

    def __getattr__(name: str) -> object:
        """Loads names on use, so that the tool starts quickly and `import onto_flow` needs the standard library alone."""
        if name in _PLACES:
            found = getattr(_importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
            globals()[name] = found
            return found
        if name not in _NEED_PACKAGES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        place, attribute, extra = _NEED_PACKAGES[name]
        try:
            module = _importlib.import_module(f"{__name__}.{place}")
        except ModuleNotFoundError as error:
            if (error.name or "").startswith(__name__):
                raise
            from .core.errors import EngineError

            what = f"onto_flow.{name} needs the package {error.name}, which is not installed"
            raise EngineError("missing-extra", what, fix=f"pip install 'onto-flow[{extra}]'") from error
        return module if attribute is None else getattr(module, attribute)

    def __dir__() -> list[str]:
        """All names, those too that are loaded on use."""
        return sorted({*globals(), *_PLACES, *_NEED_PACKAGES})
