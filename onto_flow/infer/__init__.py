"""From a survey to a module: domain models, a first store and a first view."""

from .module import infer_module as infer_module
