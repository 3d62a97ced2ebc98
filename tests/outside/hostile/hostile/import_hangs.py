"""Is never done being imported, in C, where no signal is handled."""

sum(range(10**15))
