"""The document database behind models: one interface (`base`), and the databases that have it.

Code here knows `core` and `formats`. `import onto_flow.database` loads no database: `open_database` does, on use.
"""

from ..core.transforms import DELETE as DELETE
from ..core.transforms import SERVER_TIME as SERVER_TIME
from ..core.transforms import ArrayRemove as ArrayRemove
from ..core.transforms import ArrayUnion as ArrayUnion
from ..core.transforms import Increment as Increment
from ..core.transforms import Maximum as Maximum
from ..core.transforms import Minimum as Minimum
from ..core.writes import Precondition as Precondition
from ..core.writes import Write as Write
from .base import Database as Database
from .base import Snapshot as Snapshot
from .bound import commit as commit
from .bound import current_database as current_database
from .connect import open_database as open_database
from .query import Query as Query
