"""The forest keeps the contract."""

from acme_forest import Forest

from touchline.testing import ModelContract


class TestForest(ModelContract):
    entry = "acme_forest"

    def model(self) -> Forest:
        return Forest()
