"""Google's emulators, and what lies between them: Firestore's trigger and the publisher, events twice and out of order."""

from __future__ import annotations

import base64
import json
import queue
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import functions_framework
import grpc
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from onto_flow.core.writes import Write
from onto_flow.database.firestore import FirestoreDatabase
from onto_flow.deploy.dataflow import PUBLISHER

TOPIC, NAME = "projects/demo-project/topics/changes", "projects/demo-project/subscriptions/views"
PATIENCE = 1800.0
AT_ONCE = 16
MOST_WRITES = 500
_HEADERS = ("content-type", "ce-")


class Trigger:
    """What the emulator's trigger sends, in a server of our own; and its delivery to the publisher.

    Args:
        random: Which events come twice, and in what order.
    """

    def __init__(self, random):
        self._random, self._events, self._lock = random, [], threading.Lock()
        trigger = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                data = self.rfile.read(int(self.headers["content-length"]))
                headers = {n.lower(): v for n, v in self.headers.items() if n.lower().startswith(_HEADERS)}
                del headers["ce-datacontenttype"]
                with trigger._lock:  # The emulator sends base64, and says that it is protobuf.
                    trigger._events.append((base64.b64decode(data), headers))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *arguments):
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._publisher = functions_framework.create_app("publish", str(PUBLISHER / "main.py"))

    def ask(self, firestore, collection):
        """Asks the emulator for the events of a collection."""
        document = {"value": f"{collection}/{{id}}", "matchType": "PATH_PATTERN"}
        kind = "google.cloud.firestore.document.v1.written"
        wanted = {"eventType": kind, "database": "(default)", "namespace": "(default)", "document": document}
        place = f"http://{firestore}/emulator/v1/projects/p/eventarcTrigger?eventarcTriggerId={collection}"
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(place, json.dumps(wanted).encode(), headers, method="POST")
        urllib.request.urlopen(request, timeout=PATIENCE).close()

    def deliver(self, count):
        """Delivers so many events, once they have come: a fifth of them twice, out of order, many at a time."""
        end = time.monotonic() + PATIENCE
        while len(self._events) < count:
            assert time.monotonic() < end, f"{len(self._events)} of {count} events have come"
            time.sleep(0.02)
        with self._lock:
            events, self._events = self._events, []
        events += self._random.choices(events, k=len(events) // 5)
        self._random.shuffle(events)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            assert {*pool.map(self._post, events)} == {200}

    def _post(self, event):
        data, headers = event
        return self._publisher.test_client().post("/", data=data, headers=headers).status_code

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Relay(grpc.GenericRpcHandler):
    """Stands before Google's emulator of Pub/Sub, and closes the streams of processes that are gone, as they cannot.

    The emulator (0.8.20) goes on giving messages to a stream that was dropped or cancelled, each time for an
    acknowledgement deadline: after three kills, messages came to the process that lives 100 seconds late, with pauses
    of 30. It lets go of a stream whose requests have ended.
    """

    def __init__(self, emulator):
        self._channel = grpc.insecure_channel(emulator)
        self._server = grpc.server(ThreadPoolExecutor(max_workers=64))
        self._server.add_generic_rpc_handlers((self,))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def service(self, handler_call_details):
        """How a call is passed on, as bytes."""
        method = handler_call_details.method
        if method.endswith("/StreamingPull"):
            return grpc.stream_stream_rpc_method_handler(partial(self._stream, method))
        return grpc.unary_unary_rpc_method_handler(partial(self._call, method))

    def _call(self, method, request, context):
        try:
            return self._channel.unary_unary(method)(request, timeout=PATIENCE)
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())

    def _stream(self, method, requests, context):
        asked = queue.SimpleQueue()
        context.add_callback(lambda: asked.put(None))
        threading.Thread(target=_hand_over, args=(requests, asked), daemon=True).start()
        yield from self._channel.stream_stream(method)(iter(asked.get, None))

    def close(self):
        self._server.stop(0)
        self._channel.close()


def _hand_over(requests, asked):
    try:
        for request in requests:
            asked.put(request)
    except grpc.RpcError:
        """The process is gone."""
    finally:
        asked.put(None)


def commit(writes):
    """Writes (path, fields or `None`) to Firestore: those that follow each other and are of different documents together."""
    with FirestoreDatabase("//p") as database:
        some = {}
        for path, fields in writes:
            if path in some or len(some) == MOST_WRITES:
                database.commit([*some.values()])
                some = {}
            some[path] = Write.delete(path) if fields is None else Write.set(path, fields)
        database.commit([*some.values()])


def subscribe():
    """Makes the topic and the subscription; the embedded engine's streams have a deadline of their own, Beam's runner has this one."""
    with PublisherClient() as publisher, SubscriberClient() as subscriber:
        publisher.create_topic(name=TOPIC)
        subscriber.create_subscription(name=NAME, topic=TOPIC, ack_deadline_seconds=600)
