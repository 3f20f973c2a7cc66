"""A Firestore for tests, in this process: its gRPC service over the embedded database, with faults on demand.

It is for machines without Google's emulator, and for what that does not do: it goes on from resume tokens and times, knows
PartitionQuery, and fails when it is told to. The conformance suite of databases holds for both.
"""

from .server import FirestoreServer as FirestoreServer
from .server import firestore_server as firestore_server
