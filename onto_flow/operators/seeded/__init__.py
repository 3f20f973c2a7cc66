"""Operators that take seeds: the state of a key that a batch job built, as a message among others, in any order.

A stream that begins with seeds is one run of the protocol in which the batch job's messages to a key come as one (`Seed`).
Before them the key may have had messages of the feed. What a batch job's step sent is in the seeds of the operators behind
it, so a seed of a key that knows nothing sends nothing. Else the two states become the one that all messages together
would have made, and the key sends what makes up for the difference:

    what all messages together would have sent - what it has sent - what the batch job had sent

Weights can be taken back, and registers keep the newest, so there is always such a difference.

Laws: whatever the order of seeds and messages, the state at rest is that of the protocol, and the table that the batch job
wrote becomes the right one by what the stream emits. Versions begin anew: a seed's registers are numbered 0, and a stream
from seeds is of epoch `EPOCH`, for views that read views number their documents by (epoch, sequence). A view document that
the stream emitted before its seed came is emitted once more at number 0, from what the batch job wrote to nothing: so the
change before all others begins with what is in the table.

Until all seeds have come, an operator may show what never was: publish behind a fence that waits for them. All seeds must
come within `Profile.young` of the beginning: they are messages under way.
"""

from __future__ import annotations

EPOCH = 1
"""The epoch of a stream from seeds; a batch job's is 0."""
