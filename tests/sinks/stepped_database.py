"""A document database in memory whose callers take turns: who goes next at every call is for a test to choose."""

from __future__ import annotations

import threading
from datetime import timedelta

from onto_flow.core.collection import Collection
from onto_flow.core.errors import EngineError
from onto_flow.core.field_path import MISSING, value_at
from onto_flow.core.values import EPOCH
from onto_flow.core.writes import apply
from onto_flow.database.base import Committed, PreconditionFailed, Snapshot


class Turns:
    """Threads of which one runs at a time: `choose` says which, whenever one comes to a call of the database."""

    def __init__(self, choose):
        self._choose = choose
        self._main = threading.Semaphore(0)
        self._own = {}
        self.failures = {}

    def run(self, tasks):
        """Runs functions by name to their ends; `None` of `choose` ends it before that, and leaves them where they are."""
        threads = {}
        for name, task in tasks.items():
            self._own[name] = threading.Semaphore(0)
            threads[name] = threading.Thread(target=self._task, args=(name, task), name=name, daemon=True)
            threads[name].start()
        live = dict(threads)
        while live:
            name = self._choose(sorted(live))
            self._own[name].release()
            self._main.acquire()
            live = {n: t for n, t in live.items() if n in self._own}
        for thread in threads.values():
            thread.join()

    def step(self):
        """A call begins: somebody else may go first."""
        own = self._own.get(threading.current_thread().name)
        if own is not None:
            self._main.release()
            own.acquire()

    def _task(self, name, task):
        self._own[name].acquire()
        try:
            task()
        except BaseException as error:
            self.failures[name] = error
        finally:
            del self._own[name]
            self._main.release()


class SteppedDatabase:
    """Documents by path.

    Attributes:
        documents: path -> (fields, update time).
        committed: Is told of each commit: (path -> fields now), before it is made.
        keeps_times: Whether a write that changes nothing leaves the update time as it was, as Firestore's does.
    """

    def __init__(self, turns=None):
        self.keeps_times = False
        self.turns = turns
        self.documents = {}
        self.committed = lambda changed: None
        self._time = 0

    def get(self, path):
        return self.get_many([path])[0]

    def get_many(self, paths):
        self._step()
        return [self._snapshot(path) for path in paths]

    def query(self, query):
        self._step()
        [condition] = query.where
        assert condition.operator == "<"
        found = []
        for path in self.documents:
            value = value_at(self.documents[path][0], condition.path)
            is_there = value is not MISSING and isinstance(value, int) and value < condition.value
            if Collection(query.collection.pattern).matches(path) and is_there:
                found.append((value, path))
        place = None if query.start is None else query.start.values
        after = sorted(p for p in found if place is None or p > place)
        return iter([self._snapshot(path) for _, path in after[: query.limit]])

    def transact(self, body, *, attempts=5):
        for _ in range(attempts):
            self._step()
            transaction = _Transaction(self)
            result = body(transaction)
            self._step()
            if all(self._snapshot(p).update_time == t for p, t in transaction.seen.items()):
                transaction.committed = self.commit(transaction.writes, step=False)
                return result
        raise EngineError("contention", "others were faster")

    def commit(self, writes, *, step=True):
        """Makes all of it, at once."""
        if step:
            self._step()
        self._time += 1
        time = EPOCH + timedelta(microseconds=self._time)
        now = {}
        for write in writes:
            fields, updated = now.get(write.path, self.documents.get(write.path, (None, None)))
            why = write.precondition.failure(updated)
            if why:
                raise PreconditionFailed(write.path, why)
            after = apply(write, fields, time)
            is_kept = self.keeps_times and after == fields
            now[write.path] = (after, updated if is_kept else None if after is None else time)
        self.committed({path: fields for path, (fields, _) in now.items()})
        for path, (fields, updated) in now.items():
            if fields is None:
                self.documents.pop(path, None)
            else:
                self.documents[path] = fields, updated
        return Committed(time, tuple(now[write.path][1] for write in writes))

    def close(self):
        pass

    def _step(self):
        if self.turns is not None:
            self.turns.step()

    def _snapshot(self, path):
        fields, updated = self.documents.get(path, (None, None))
        return Snapshot(path, None if fields is None else dict(fields), EPOCH, updated, updated)


class _Transaction:
    def __init__(self, database):
        self._database = database
        self.seen = {}
        self.writes = []
        self.committed = None

    def get(self, path):
        return self.get_many([path])[0]

    def get_many(self, paths):
        found = self._database.get_many(paths)
        for snapshot in found:
            self.seen.setdefault(snapshot.path, snapshot.update_time)
        return found

    def write(self, *writes):
        self.writes += writes
