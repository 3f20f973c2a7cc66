"""The meeting room: the example that the documentation, the tests and `onto-flow demo` share."""
