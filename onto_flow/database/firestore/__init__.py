"""Firestore itself as a document database: `firestore://PROJECT`, `firestore://PROJECT/DATABASE`."""

from .database import FirestoreDatabase

__all__ = ["FirestoreDatabase"]
