"""What shows that a view is right: the oracle, generators of histories, the shuffling engine, conformance suites.

Code here is handed an engine and never picks one; `oracle`, `judge` and what makes cases share no code with operators.
"""

from .accumulator_laws import check_accumulator as check_accumulator
