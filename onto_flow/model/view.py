"""View models: documents that are computed from others, declared as classes."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.collection import Collection
from ..core.errors import DataError, DeclarationError, SourceLine
from .meta import Surroundings, declaring_frame, options_of
from .names import camel_case
from .udfs import Udf, is_udf

if TYPE_CHECKING:
    from ..core.values import Document
    from ..core.writes import Write
    from ..plan.evaluator import Evaluator
    from ..plan.nodes import OnError, Plan
    from .once import ViewSnapshot

_OPTIONS = ("collection_name", "convert_names", "on_error")


class ViewModel:
    """A view document, declared: `Meta.collection_name` says where it lives, `store` what it is made of.

    `Meta.on_error` says what becomes of a document when the view's code raises: `"keep"` (the last good one stays, flagged),
    `"delete"`, or `"fail"` (the run stops).

    `@computed` getters, `@udf` staticmethods, accumulators and the parts of a key are its attributes; `@operator`
    classmethods filter, expand and key it.
    """

    if TYPE_CHECKING:
        path: str
        doc_id: str

    _collection_name: ClassVar[str]
    _convert_names: ClassVar[bool] = True
    _on_error: ClassVar[OnError] = "keep"
    _around: ClassVar[Surroundings]
    _line: ClassVar[SourceLine]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        frame = declaring_frame()
        cls._line = SourceLine(frame.f_code.co_filename, frame.f_lineno)
        options = options_of(cls, _OPTIONS, cls._line)
        cls._around = Surroundings(frame)
        for name in [n for n, m in vars(cls).items() if is_udf(m)]:
            setattr(cls, name, Udf(cls, name, vars(cls)[name]))
        cls._convert_names = options.get("convert_names", cls._convert_names)
        cls._on_error = options.get("on_error", cls._on_error)
        if "collection_name" in options:
            cls._collection_name = options["collection_name"]

    def __init__(self, store: Any, results: Callable[[str], Any] | None = None) -> None:
        self.store = store
        self._results = results
        self._computed: dict[str, Any] = {}
        self._follower: Any = None

    def _result(self, name: str) -> Any:
        if self._results is not None:
            return self._results(name)
        if name not in self._computed:
            from .once import folded

            self._computed.update(folded(self))
        return self._computed[name]

    def _shown(self, name: str) -> Any:
        """The value of a udf."""
        if name not in self._computed:
            from .once import udf_value

            self._computed[name] = udf_value(self, name)
        return self._computed[name]

    @property
    def doc_ref(self) -> Any:
        """Where the document lies (`Reference`): by the path of its root, unless the class says otherwise."""
        return self._view_refs[0]

    @property
    def _view_refs(self) -> Any:
        """All places of the document, as `Reference`s."""
        from .once import view_refs

        return view_refs(self)

    def to_view_dict(self) -> Document:
        """Its attributes as they are now, by their names in Firestore.

        Raises:
            DataError: `bad-value` for what Firestore refuses.
        """
        from .once import view_dict

        return view_dict(self)

    def to_snapshot(self) -> ViewSnapshot:
        """The document as it is now: `path`, `fields`, `to_dict()`."""
        from .once import ViewSnapshot

        return ViewSnapshot(self.doc_ref.path, self.to_view_dict())

    @classmethod
    def new(cls, snapshot: Any) -> Any:
        """The view document of a root that somebody has read; what follows from it is read from the bound database.

        Args:
            snapshot: Of the root: `path` and `fields`, or a Firestore client's.
        """
        from .declaration import read_declaration

        declared = read_declaration(cls)
        store = declared.store()
        store.add_snapshot(declared.slots[0].name, snapshot=snapshot)
        store.refresh()
        return cls(store)

    @classmethod
    def get(
        cls, doc_id: str, *, once: bool = True, f_notify: Callable[[Any], None] | None = None, database: Any = None
    ) -> Any:
        """The view document of a root, made from the documents in a database as of one commit.

        Args:
            doc_id: The id of the root, or its path.
            once: Whether it is made now and never again; else until `close()` of what this returns.
            f_notify: With `once=False`: is given the view now, and again whenever its document changes.
            database: Where its documents lie; the one that `onto_flow.settings` binds when left out.

        Raises:
            MissingDocument: There is no such root.
        """
        module = importlib.import_module("onto_flow.serve.once")
        return module.get(cls, doc_id, once=once, f_notify=f_notify, database=database)

    def save(self, *, database: Any = None) -> None:
        """Commits what setters changed, all or nothing, if the documents are still as they were read.

        Raises:
            EngineError: `precondition-failed` when somebody wrote one of them meanwhile.
        """
        importlib.import_module("onto_flow.serve.once").save(self, database)

    def close(self) -> None:
        """Ends what `get(once=False)` began."""
        if self._follower is not None:
            self._follower.close()

    def writes(self) -> tuple[Write, ...]:
        """What setters changed in the documents of the store, as writes; see `model.writes`.

        Raises:
            DataError: `bad-value` for what Firestore refuses, or when two slots changed one field to different values.
        """
        from .writes import writes_of

        return writes_of(self.store.documents(), self.store.all_update_times())

    @classmethod
    def _attribute_name(cls, name: str) -> str:
        return camel_case(name) if cls._convert_names else name

    @classmethod
    def plan(cls) -> Plan:
        """The plan of this view alone.

        Raises:
            DeclarationError: A mistake in the declaration, with its line.
        """
        from .compile import plan_views

        return plan_views(cls)

    @classmethod
    def evaluator(cls) -> Evaluator:
        """The view's code in the form that operators call."""
        from .compile import compile_view
        from .evaluate import ViewEvaluator

        return ViewEvaluator(compile_view(cls))

    @classmethod
    def fingerprint(cls) -> Mapping[str, str]:
        """Part of the view's code -> hash: what a state or a table was made by; `model.fingerprint.differences` compares."""
        from .fingerprint import fingerprint

        return fingerprint(cls)

    @classmethod
    def backfill(cls, *, source: Any, sink: Any = None, **options: Any) -> Any:
        """Computes the view table from the documents of a source.

        Args:
            source: A URI (an export's folder, `jsonl:FILE`), or a source.
            sink: A URI (`parquet:DIR`, `jsonl:FILE`), or a sink; in memory when left out.
            options: `engine=`, `dead_letters=`, `on_progress=`, `now=`, `clock=`, `breaker=`, and the engine's own.

        Returns:
            A `run.Run`: `.progress`, `.report`, `.to_pandas()`, `.to_arrow()`, `.documents()`.
        """
        return importlib.import_module("onto_flow.run").backfill(cls, source=source, sink=sink, **options)


def output_collection(cls: type[ViewModel]) -> str:
    """Where the view's documents live.

    Raises:
        DeclarationError: `bad-meta` when it does not say.
    """
    name: str | None = getattr(cls, "_collection_name", None)
    try:
        if name is not None and Collection(name).top_level:
            return name
        what = "does not say where the view's documents live"
        if name is not None:
            what = f"says {name!r:.80}, where ids are free: a view has one collection"
    except DataError as error:
        what = f"names no collection: {error.what}"
    raise DeclarationError(
        "bad-meta",
        f"{cls.__name__}.Meta {what}",
        where=cls._line,
        fix='Say class Meta: collection_name = "meetingSessions".',
    )
