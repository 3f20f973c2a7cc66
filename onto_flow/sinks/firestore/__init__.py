"""View tables as collections of Firestore: `firestore://PROJECT`, `firestore://PROJECT/DATABASE`."""

from .sink import FirestoreSink, open_sink

__all__ = ["FirestoreSink", "open_sink"]
