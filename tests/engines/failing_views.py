"""Views whose code fails on some documents, for engines that import them by name on their workers."""

from __future__ import annotations

from onto_flow import DomainModel, Store, ViewModel, attrs, computed, root


class Number(DomainModel):
    class Meta:
        collection_name = "numbers"

    of: int = attrs.int
    by: int = attrs.int


class NumberStore(Store):
    number = root(Number)


class Halves(ViewModel):
    class Meta:
        collection_name = "halves"

    store: NumberStore

    @computed
    def quotient(self) -> int:
        return self.store.number.of // self.store.number.by


class MustBeWhole(Halves):
    class Meta:
        collection_name = "whole"
        on_error = "fail"
