"""What users declare: domain models, stores, view models. Code here knows `core` and `plan`, no operator and no engine.

In the order of the flow: `domain` and `view` are the classes to subclass; `attrs`, `relations`, `parts`, `maps`,
`slot`, `methods`, `aggregates` and `windows` are what stands in them. `declaration` reads a view, `slots` and
`scopes` say what its names stand for, `schema` of which types they are, and `compile` makes the plan. `evaluate`
makes view documents of documents: `tabulate` for many roots at once, `kept` under change. `stored`, `once` and
`writes` are for objects in a program: a document in a database, one view document, and what setters changed.
"""
