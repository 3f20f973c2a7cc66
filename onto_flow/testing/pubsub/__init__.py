"""A Pub/Sub for tests, in this process: what Google's emulator gets wrong is right here, and faults come on demand.

`pubsub_server()` serves it on loopback; the clients of `google-cloud-pubsub` find it by `PUBSUB_EMULATOR_HOST`.
"""

from .broker import Broker, Faults, Message, Received, Settings, Subscription
from .server import PubSubServer, pubsub_server

__all__ = ["Broker", "Faults", "Message", "PubSubServer", "Received", "Settings", "Subscription", "pubsub_server"]
