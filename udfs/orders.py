"""Orders with lines and products: arrays of maps that hold references, and what each product was ordered for.

`orders/{id}` has `lines`, an array of maps with a reference to a product; a line may have extras, maps with references of
their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from onto_flow import DomainModel, MapModel, Reference, Store, ViewModel, attrs, computed, many, root


class Product(DomainModel):
    """What is sold."""

    class Meta:
        collection_name = "products"

    name: str = attrs.str
    unit_price: float = attrs.float


class Extra(MapModel):
    """What goes with a line: a wrapping, an engraving."""

    product = attrs.relation(Product)


class Line(MapModel):
    """A line of an order."""

    product = attrs.relation(Product)
    quantity: int = attrs.int(default=1)
    extras = attrs.list(Extra)


class Order(DomainModel):
    """An order."""

    class Meta:
        collection_name = "orders"

    number: int = attrs.int
    lines = attrs.list(Line)


class OrderStore(Store):
    """An order, the products of its lines, and those of their extras."""

    order = root(Order)
    products = many(Product, via=Order.lines.each.product)
    extras = many(Product, via=Order.lines.each.extras.each.product)


@dataclass(frozen=True)
class Position:
    """A line as it is printed."""

    name: str
    quantity: int
    price: float


class Invoice(ViewModel):
    """What is printed of an order."""

    class Meta:
        collection_name = "invoices"

    store: OrderStore

    @computed
    def positions(self) -> list[Position]:
        """The lines whose product there is."""
        found = [(line, self.store.products.get(line.product)) for line in self.store.order.lines]
        return [Position(p.name, line.quantity, line.quantity * p.unit_price) for line, p in found if p]

    @computed
    def total(self) -> float:
        """Positions and extras."""
        extras = [self.store.extras.get(e.product) for line in self.store.order.lines for e in line.extras]
        return sum(p.price for p in self.positions) + sum(p.unit_price for p in extras if p)


class ProductStore(Store):
    """A product and the orders that have it in a line."""

    product = root(Product)
    orders = many(Order, by=Order.lines.each.product, order_by=Order.number)


class Demand(ViewModel):
    """How often a product was ordered."""

    class Meta:
        collection_name = "demand"

    store: ProductStore

    @computed
    def orders(self) -> list[int]:
        """The numbers of its orders."""
        return [order.number for order in self.store.orders]

    @computed
    def pieces(self) -> int:
        """How many pieces."""
        product = self.store.product
        lines = [line for order in self.store.orders for line in order.lines]
        return sum([line.quantity for line in lines if line.product == Reference(product.path)])
