"""Which augmentation, if any: candidates, paired cross-validation, and the rule that chooses; it knows no classifier."""
