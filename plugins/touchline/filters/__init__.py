"""State-space filters over the matches of any number of leagues, and what they look at.

`engine` has the formulas. `series` makes a history ready, `observations` says what is seen of a match, `panel` runs the
filters that the models share, `heads` turns their means into one forecast. Needs numba (`pip install
"touchline[models]"`), imported when the first filter runs.
"""
