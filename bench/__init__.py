"""
Measures the budgets: `make bench`, or `python -m bench --only B1,B2`.

May import the product, and `tests.product` to start it. Invariants:

1. A budget that is a ratio is measured in one run on one machine, the product and its limit in alternation.
2. The same records, the same durability (fdatasync before an answer counts) and a warm-up for everybody.
3. What could not be measured is shown with the reason, never dropped.
4. Nothing this package started outlives it, and nothing but the loopback address is spoken to
   (installing a peer apart).

One file measures one budget (`b1_accept.py`); `limits` holds the bare programs to compare with, `peers` other
people's products.
"""
