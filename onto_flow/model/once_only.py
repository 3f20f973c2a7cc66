"""A view that only has `new`: it is made once from a snapshot, and `plan()` says which lines it lacks to be kept right."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any


def store_that_new_fills(new: Any) -> str:
    """What to declare, as far as the source of `new` says it.

    Example:
        >>> def new(cls, snapshot):
        ...     store = CityStore()
        ...     store.add_snapshot("city", dm_cls=City, snapshot=snapshot)
        ...     return cls(store=store)
        >>> store_that_new_fills(new)
        'Declare what new() fills: class CityStore(Store): city = root(City), and in the view store: CityStore.'
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(new)))
    except (OSError, TypeError, SyntaxError):
        tree = ast.parse("")
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    stores = [n for call in calls if (n := ast.unparse(call.func)).endswith("Store")]
    store = stores[0] if stores else "CityStore"
    slots = "; ".join(_slots(calls)) or "city = root(City)"
    return f"Declare what new() fills: class {store}(Store): {slots}, and in the view store: {store}."


def _slots(calls: list[ast.Call]) -> Iterator[str]:
    """The first snapshot is of the root; how the others hang on it, only their author knows."""
    found = [c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "add_snapshot"]
    for call in sorted(found, key=lambda c: c.lineno):
        given = {k.arg: k.value for k in call.keywords} | dict(zip(("name", "dm_cls"), call.args))
        name, model = given.get("name"), given.get("dm_cls")
        if isinstance(name, ast.Constant) and isinstance(name.value, str) and model is not None:
            kind = "root({})" if call is min(found, key=lambda c: c.lineno) else "one({}, via=...)"
            yield f"{name.value} = {kind.format(ast.unparse(model))}"
