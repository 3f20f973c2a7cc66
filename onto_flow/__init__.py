"""Maintained views over document databases: declared once, backfilled, kept right under change."""

from .core.change import Change as Change
from .core.change import ViewChange as ViewChange
from .core.errors import MissingDocument as MissingDocument
from .core.errors import OntoFlowError as OntoFlowError
from .core.values import GeoPoint as GeoPoint
from .core.values import Reference as Reference
from .core.values import Vector as Vector
from .model.aggregates import agg as agg
from .model.attributes import attrs as attrs
from .model.compile import plan_views as plan_views
from .model.domain import DomainModel as DomainModel
from .model.domain import is_missing as is_missing
from .model.methods import computed as computed
from .model.methods import operator as operator
from .model.methods import udf as udf
from .model.store import Many as Many
from .model.store import Store as Store
from .model.store import many as many
from .model.store import one as one
from .model.store import root as root
from .model.view import ViewModel as ViewModel

__version__ = "0.1.0"
