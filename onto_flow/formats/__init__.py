"""What bytes mean, apart from who carries them: exports, REST typed values, change events.

In the order of the kinds: `export_layout`, `leveldb_log` and `entity` read an export document by document;
`lockstep_log`, `lockstep`, `record_batch`, `batch_documents` and `arrow_batches` many at once, and `native` in C.
`events` takes any message of a feed to the format that it has: `cloudevents`, `background_events`, `changelog_rows`,
`debezium`, `mapping`. `typed_json` is how values are written as text, `view_changes` and `messages` what goes out,
`table_manifest` and `seed_files` what is left for a reader.

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
