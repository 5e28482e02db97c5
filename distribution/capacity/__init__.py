"""``hsp plan``: what a fleet of a size needs and costs each month, and what breaks first.

Everything is reckoned from what one event costs, which was measured (``unit_costs.json``), and from
a list of prices that an operator can replace.
"""
