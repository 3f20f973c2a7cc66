"""Topics of Google Cloud Pub/Sub: `pubsub://PROJECT/TOPIC` as a sink of view changes, and `Topic` for any messages."""

from ..base import Sharing
from .sink import PubSubSink
from .topic import Topic

SHARING: Sharing = "anywhere"

__all__ = ["SHARING", "PubSubSink", "Topic"]
