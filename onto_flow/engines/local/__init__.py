"""The embedded engine: one process, no Java, no cloud, deterministic.

In the order of the flow: `engine` chooses a `run`, which is made of its load (`loading`), its loop, and what it gives
away (`giving`); `flow` computes, one `step` at a time, over the dictionaries of `state`. With a checkpoint the run is
`durable`, and its state is `kept`, operator by operator (`kept_keys`): what changed goes to the `log` (`said`), later
to the `table`, as rows that `layout` knows, of one `store`; the `checkpoint` is that file, the outbox and the
letters.
"""

from .engine import LocalEngine as Engine

__all__ = ["Engine"]
