"""`python -m onto_flow.cli`."""

import sys

from . import main

sys.exit(main())
