"""What Louver costs: throughput, processor time and memory beside a direct connection and beside PgBouncer.

`processes` reads /proc, `stage` starts everything, `load`, `large` and `memory` measure one thing each, `results` turns
samples into ratios and `report` shows them. Run by `make bench`; nothing of the product imports this.
"""
