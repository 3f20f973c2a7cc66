"""Views that are right, and together have what views are made of: what operators and sinks are broken under."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from onto_flow import DomainModel, Reference, Store, ViewModel, agg, attrs, computed, many, one, operator, root, udf


class Customer(DomainModel):
    class Meta:
        collection_name = "customers"

    name: str = attrs.str
    tier: str = attrs.str


class Product(DomainModel):
    class Meta:
        collection_name = "products"

    title: str = attrs.str
    sku: str = attrs.str
    price: float = attrs.float


class Order(DomainModel):
    class Meta:
        collection_name = "orders"

    state: str = attrs.str
    customer = attrs.relation(Customer)
    products = attrs.relations(Product)


class Offer(DomainModel):
    class Meta:
        collection_name = "offers"

    skus: list[str] = attrs.list(default=())
    tier: str = attrs.str
    percent: int = attrs.int


class CustomerStore(Store):
    customer = root(Customer)
    orders = many(Order, by=Order.customer)
    products = many(Product, via=Order.products)


class CustomerPage(ViewModel):
    """A reverse reference to the root, and a hop from there."""

    class Meta:
        collection_name = "customerPages"

    store: CustomerStore

    @computed
    def name(self) -> str:
        return self.store.customer.name

    @computed
    def open_orders(self) -> list[str]:
        return [order.doc_id for order in self.store.orders if order.state != "closed"]

    @computed
    def titles(self) -> list[str]:
        return [product.title for product in self.store.products]

    @udf
    @staticmethod
    def how_many(open_orders: list[str], titles: list[str]) -> int:
        return len(open_orders) * 100 + len(titles)


class ProductStore(Store):
    product = root(Product)
    offers = many(Offer, on=(Product.sku, Offer.skus))


class ProductPage(ViewModel):
    """Equal fields, one of them a list; documents that a filter leaves out."""

    class Meta:
        collection_name = "productPages"

    store: ProductStore

    @computed
    def price(self) -> float | None:
        return self.store.product.price

    @computed
    def percents(self) -> list[int]:
        return [offer.percent for offer in self.store.offers]

    @operator.filter
    @classmethod
    def shown(cls, product: Product) -> bool:
        return product.title != "hidden"


class BargainStore(Store):
    offer = root(Offer)
    customers = many(Customer, on=[(Offer.tier, Customer.tier)])
    named = one(Customer, on=(Offer.tier, Customer.doc_id))


class Bargain(ViewModel):
    """Equal fields, and a field that is an id; one collection in two slots."""

    class Meta:
        collection_name = "bargains"

    store: BargainStore

    @computed
    def customers(self) -> list[str]:
        return [customer.name for customer in self.store.customers]

    @computed
    def named(self) -> str | None:
        return self.store.named.name if self.store.named else None


class OrderStore(Store):
    order = root(Order)
    customer = one(Customer, via=Order.customer, required=True)


class State(NamedTuple):
    tier: str
    state: str


class Load(ViewModel):
    """A group by two parts, with every accumulator that is abelian and one that is not; a slot that is required."""

    class Meta:
        collection_name = "loads"

    store: OrderStore

    @operator.key
    @classmethod
    def tier_and_state(cls, order: Order, customer: Customer) -> State | None:
        return State(customer.tier, order.state) if order.state else None

    orders = agg.count()
    alone = agg.count(where=lambda order: len(order.products) < 2)
    names = agg.collect(lambda customer: customer.name, order_by=lambda order: order.doc_id, descending=True, limit=2)


class ShopStore(Store):
    product = root(Product)


class Prices(ViewModel):
    """A group with sums of doubles that rounding would change."""

    class Meta:
        collection_name = "prices"

    store: ShopStore

    @operator.key
    @classmethod
    def title(cls, product: Product) -> str | None:
        return product.title

    total = agg.sum(lambda product: product.price, where=lambda product: isinstance(product.price, (int, float)))


class OfferStore(Store):
    offer = root(Offer)


class SkuStats(ViewModel):
    """Rows, then groups."""

    class Meta:
        collection_name = "skuStats"

    store: OfferStore

    @operator.expand
    @classmethod
    def sku(cls, offer: Offer) -> Iterable[str]:
        return offer.skus or ()

    @operator.key
    @classmethod
    def named(cls, sku: str) -> str:
        return sku

    offers = agg.count()


class SkuRow(ViewModel):
    """Rows without groups: one document per root and element."""

    class Meta:
        collection_name = "skuRows"

    store: OfferStore

    @operator.expand
    @classmethod
    def sku(cls, offer: Offer) -> Iterable[str]:
        return offer.skus or ()

    @udf
    @staticmethod
    def text(sku: str, offer: Offer) -> str:
        return f"{sku} {offer.percent}"


class Sign(ViewModel):
    """Paths that several roots may claim."""

    class Meta:
        collection_name = "signs"

    store: ShopStore

    @property
    def doc_ref(self) -> Reference[object] | None:
        title = self.store.product.title
        return Reference(f"signs/{title}") if title in ("a", "b") else None

    @computed
    def price(self) -> float | None:
        return self.store.product.price


class Person(DomainModel):
    class Meta:
        collection_name = "people"

    name: str = attrs.str
    friends = attrs.relations("Person")
    boss = attrs.relation("Person")


class PersonStore(Store):
    person = root(Person)
    friends = many(Person, via=(person, Person.friends))
    bosses = many(Person, via=(friends, Person.boss))


class Circle(ViewModel):
    """One collection in every slot; documents that refer to themselves; two ways to one document."""

    class Meta:
        collection_name = "circles"

    store: PersonStore

    @computed
    def friends(self) -> list[str]:
        return [f"{friend.doc_id} {friend.name}" for friend in self.store.friends]

    @computed
    def bosses(self) -> list[str]:
        return [f"{boss.doc_id} {boss.name}" for boss in self.store.bosses]


class Stock(DomainModel):
    class Meta:
        collection_name = "stocks"

    name: str = attrs.str


class Day(DomainModel):
    class Meta:
        path = "prices/{symbol}/daily/{date}"

    close: float = attrs.float


class StockStore(Store):
    stock = root(Stock)
    days = many(Day, on=(Stock.doc_id, Day.symbol))


class Chart(ViewModel):
    """Parts of paths."""

    class Meta:
        collection_name = "charts"

    store: StockStore

    @computed
    def closes(self) -> list[float]:
        return [day.close for day in self.store.days]


class Note(DomainModel):
    class Meta:
        collection_group = "notes"

    text: str = attrs.str


class NoteStore(Store):
    note = root(Note)


class Echo(ViewModel):
    """Writes where it reads, which `plan()` refuses: not among `VIEWS`."""

    class Meta:
        collection_name = "notes"

    store: NoteStore

    @computed
    def text(self) -> str:
        return self.store.note.text


VIEWS: dict[str, type[ViewModel]] = {
    view.__name__: view
    for view in (CustomerPage, ProductPage, Bargain, Load, Prices, SkuStats, SkuRow, Sign, Circle, Chart)
}
