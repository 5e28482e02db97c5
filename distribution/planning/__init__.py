"""BEFORE ANYTHING IS PUBLISHED: what a rollout would do.

``preview`` asks about the sites that are there, by the function that they obey (``planned``,
``planned_turns``); ``simulation`` (numpy) asks how far a bad release would come in a fleet of a
million that ``synthesis`` or a ``fleet_file`` describes. Both can be pictures (``svg``).
"""
