"""The operators as a drained engine runs them: whole queues at a time, and the common case in a few lines.

The common case is a new version of a document none of whose join keys has changed. Everything else is the operator's own
step, which stays the definition.
"""
