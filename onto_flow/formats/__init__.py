"""What bytes mean, apart from who carries them: exports, REST typed values, change events.

`decode` and `encode_change` are loaded on use: most of what needs a format needs no feed.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from .cloudevents_writer import encode_change as encode_change
    from .events import decode as decode
else:
    _LOADED_ON_USE = {"encode_change": "cloudevents_writer", "decode": "events"}

    def __getattr__(name: str) -> object:
        if name not in _LOADED_ON_USE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(_importlib.import_module(f"{__name__}.{_LOADED_ON_USE[name]}"), name)
