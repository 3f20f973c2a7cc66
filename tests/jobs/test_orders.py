"""Orders with lines, as a scenario: documents, changes, and what the tables say then."""

from __future__ import annotations

from onto_flow import Reference
from tests.model.played import Played
from udfs.orders import Demand, Invoice


def line(product, quantity=None, *extras):
    found = {
        "product": Reference(f"products/{product}"),
        "extras": [{"product": Reference(f"products/{e}")} for e in extras],
    }
    return found if quantity is None else {**found, "quantity": quantity}


def start(*views):
    shop = Played(*views)
    shop(
        {
            "products/tea": {"name": "Tea", "unitPrice": 2.5},
            "products/cup": {"name": "Cup", "unitPrice": 4.0},
            "products/bow": {"name": "Bow", "unitPrice": 1.0},
            "orders/o1": {"number": 7, "lines": [line("tea", 2), line("cup", None, "bow")]},
        }
    )
    return shop


def test_an_invoice_follows_its_lines_and_their_products():
    shop = start(Invoice)
    [invoice] = shop({}).values()
    assert invoice["total"] == 10.0
    assert invoice["positions"] == [
        {"name": "Tea", "quantity": 2, "price": 5.0},
        {"name": "Cup", "quantity": 1, "price": 4.0},
    ]
    assert shop({"products/bow": {"name": "Bow", "unitPrice": 3.0}})["invoices/o1"]["total"] == 12.0
    assert shop({"products/tea": None})["invoices/o1"]["total"] == 7.0
    assert shop({"orders/o1": {"number": 7, "lines": [line("gone"), {"product": None}]}})["invoices/o1"]["total"] == 0
    assert shop({"orders/o1": {"number": 7}})["invoices/o1"] == {"positions": [], "total": 0}


def test_demand_follows_orders_in_their_order():
    shop = start(Demand)
    shop({"orders/o0": {"number": 9, "lines": [line("tea"), line("tea", 3)]}})
    assert shop({})["demand/tea"] == {"orders": [7, 9], "pieces": 6}
    shop({"orders/o1": {"number": 7, "lines": [line("cup", 5)]}})
    assert shop({})["demand/tea"] == {"orders": [9], "pieces": 4}
    assert shop({})["demand/cup"] == {"orders": [7], "pieces": 5}
    assert len(shop.last) == 0
