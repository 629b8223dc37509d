"""
Measures the budgets: `make bench`, or `python -m bench --only B1,B2`.

May import the product, and `tests.product` to start it. Invariants:

1. A budget that is a ratio is measured in one run on one machine, in rounds in which everybody has one turn.
2. The same records, the same durability (fdatasync before an answer counts), the same rows afterwards.
3. What could not be measured, or was measured although rows were wrong, is shown with the reason.
4. A slow machine gets fewer rounds rather than a longer run.
5. Nothing this package started outlives it, and nothing but the loopback address is spoken to
   (installing a peer apart).

One file measures one budget (`b1_accept.py`); `limits` holds the bare programs to compare with, `peers` other
people's products, `growths` what grows.
"""
