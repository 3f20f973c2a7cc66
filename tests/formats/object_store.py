"""A small object store in this process: it has no folders, counts its reads, and fails or changes when it is told to."""

from __future__ import annotations

import io
from itertools import count
from pathlib import Path

import fsspec
from fsspec.spec import AbstractFileSystem

GENERATIONS = count(1)


class _Upload(io.BytesIO):
    """What is written appears when it is closed."""

    def __init__(self, name):
        super().__init__()
        self._name = name

    def close(self):
        if not self.closed:
            Store.put_bytes(self._name, self.getvalue())
        super().close()


class Store(AbstractFileSystem):
    """`double://bucket/name`. What is in it belongs to the class, as a bucket belongs to nobody's connection.

    Attributes:
        objects: Name -> (bytes, generation).
        reads: The ranges that were read: (name, start, end).
        calls: How often it was asked for anything.
        failures: Errors for the next calls, in order.
        before_read: Called before each read.
    """

    protocol = "double"
    cachable = False
    objects: dict[str, tuple[bytes, int]] = {}
    reads: list[tuple[str, int, int]] = []
    failures: list[Exception] = []
    calls = 0
    before_read = staticmethod(lambda name: None)

    @classmethod
    def reset(cls):
        fsspec.register_implementation("double", cls, clobber=True)
        cls.objects, cls.reads, cls.failures, cls.calls = {}, [], [], 0
        cls.before_read = staticmethod(lambda name: None)

    @classmethod
    def put_bytes(cls, name, data):
        cls.objects[name] = (bytes(data), next(GENERATIONS))

    @classmethod
    def put_folder(cls, folder, prefix):
        for file in sorted(Path(folder).rglob("*")):
            if file.is_file():
                cls.put_bytes(f"{prefix}/{file.relative_to(folder).as_posix()}", file.read_bytes())

    def _called(self):
        Store.calls += 1
        if Store.failures:
            raise Store.failures.pop(0)

    def _entry(self, name):
        data, generation = Store.objects[name]
        return {"name": name, "size": len(data), "type": "file", "generation": str(generation)}

    def ls(self, path, detail=True, **_):
        """One level, as stores give it with a delimiter; a store that has nothing of this name says so."""
        self._called()
        prefix = self._strip_protocol(path).rstrip("/") + "/"
        below = [name for name in Store.objects if name.startswith(prefix)]
        if not below:
            raise FileNotFoundError(path)
        entries = {}
        for name in below:
            child, slash, _ = name[len(prefix) :].partition("/")
            folder = {"name": prefix + child, "size": 0, "type": "directory"}
            entries.setdefault(prefix + child + slash, folder if slash else self._entry(name))
        return list(entries.values())

    def info(self, path, **_):
        self._called()
        name = self._strip_protocol(path)
        if name not in Store.objects:
            raise FileNotFoundError(path)
        return self._entry(name)

    def _open(self, path, mode="rb", **_):
        assert mode == "wb", mode
        self._called()
        return _Upload(self._strip_protocol(path))

    def rm_file(self, path):
        self._called()
        del Store.objects[self._strip_protocol(path)]

    def cat_file(self, path, start=None, end=None, **_):
        name = self._strip_protocol(path)
        Store.before_read(name)
        self._called()
        if name not in Store.objects:
            raise FileNotFoundError(path)
        Store.reads.append((name, start, end))
        return Store.objects[name][0][start:end]
