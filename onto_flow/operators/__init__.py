"""The operators: pure Python state machines, one idea per file. Code here knows `core` and `plan`, and no engine.

`base` is the contract with engines, `messages` what goes between operators, `joins` the keys they meet at. Then, in the
order of the flow: `ingest`, `match`, `assemble`, `aggregate` (with `accumulators`), `own`. `build` makes them from a plan.
"""
