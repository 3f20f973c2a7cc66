"""A plan as a flowchart of Mermaid, which GitHub and many wikis draw: collections -> operators -> view tables."""

from __future__ import annotations

from .explain import output_path
from .nodes import OperatorNode, Plan

_PLAIN = frozenset(" ._-/(){},='")


def explain_mermaid(plan: Plan) -> str:
    """The plan as the text of a flowchart; a subgraph holds the operators of one view."""
    written = {view.collection for view in plan.views if view.relayed}
    read = dict.fromkeys(str(s.collection) for v in plan.views for s in v.slots)
    collections = [name for name in read if name not in written]
    numbers = {node.id: f"o{n}" for n, node in enumerate(plan.operators)}
    lines = ["flowchart LR"]
    lines += [f"  s{n}[({label(name)})]" for n, name in enumerate(collections)]
    lines += [f"  {numbers[node.id]}[{label(_name(node))}]" for node in plan.operators if not node.view]
    for n, view in enumerate(plan.views):
        mine = [node for node in plan.operators if node.view == view.name]
        lines.append(f"  subgraph v{n}[{label(view.name)}]")
        lines += [f"    {numbers[node.id]}[{label(_name(node))}]" for node in mine]
        lines.append("  end")
    lines += [f"  t{n}[({label(output_path(view))})]" for n, view in enumerate(plan.views)]
    lines += [f"  s{n} --> {numbers['ingest']}" for n in range(len(collections))]
    lines += [f"  {numbers[node.id]} --> {numbers[target]}" for node in plan.operators for target in node.sends_to]
    for n, view in enumerate(plan.views):
        last = next(node for node in plan.operators if node.view == view.name and node.shows)
        lines.append(f"  {numbers[last.id]} --> t{n}")
    return "\n".join(lines) + "\n"


def label(text: str) -> str:
    """A quoted label that shows the text; whatever Mermaid, or the page around it, could read as its own is a number.

    Example:
        >>> print(label('rooms"]; click x'), label("%%{init}%%"), label("größe"))
        "rooms#34;#93;#59; click x" "#37;#37;{init}#37;#37;" "größe"
    """
    shown = (c if c.isalnum() or c in _PLAIN else f"#{ord(c) if c.isprintable() else 0xFFFD};" for c in text)
    return f'"{"".join(shown) or " "}"'


def _name(node: OperatorNode) -> str:
    """The operator's id without its view, and what it is keyed by."""
    return f"{node.id.removeprefix(f'{node.view}.')}, by {node.key}"
