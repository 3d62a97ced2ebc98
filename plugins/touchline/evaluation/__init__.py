"""Walk-forward evaluation on recorded seasons: what each model would have said, round by round, and how good it was.

dataset = read_dataset(Path("football-data"), leagues=["E0"], seasons=[2018, 2019])
past = dataset.before(instant, league="E0")
"""

from touchline.evaluation.dataset import Dataset, Quote, read_dataset

__all__ = ["Dataset", "Quote", "read_dataset"]
