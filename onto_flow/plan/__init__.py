"""The program as frozen data: nodes, compile, explain. Code here knows `core` alone: no model class, no operator."""
