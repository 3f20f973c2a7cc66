"""What users declare: domain models, stores, view models. Code here knows `core` and `plan`, no operator and no engine."""
