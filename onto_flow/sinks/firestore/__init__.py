"""View tables as collections of Firestore: `firestore://PROJECT`, `firestore://PROJECT/DATABASE`."""

from ..base import Sharing
from .sink import FirestoreSink, open_sink

SHARING: Sharing = "anywhere"

__all__ = ["SHARING", "FirestoreSink", "open_sink"]
