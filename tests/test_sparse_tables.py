"""Sparse matrices, as a `OneHotEncoder` makes them: synthetic rows are one-hot, too, and of the same format."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder

from vaeaug import AugmentedClassifier
from vaeaug.models.spaces import Identity
from vaeaug.plugins.sparse_tables import SparseTable

pytest.importorskip("pandas")

N = 60
RNG = np.random.default_rng(0)
WORDS = np.stack([RNG.choice(["a", "b", "c"], N), RNG.choice(["x", "y"], N)], 1)
ONE_HOT = OneHotEncoder().fit_transform(WORDS)  # the columns a, b, c and x, y
SINGLE = sp.csr_matrix((RNG.random((N, 1)) < 0.3).astype(float))
NUMBERS = sp.csr_matrix(RNG.random((N, 2)) * (RNG.random((N, 2)) < 0.4))
LABELS = np.array([0] * 45 + [1] * 15)


def over_sampler(**settings):
    pytest.importorskip("imblearn", reason="needs imbalanced-learn")
    from vaeaug import VAEOverSampler

    return VAEOverSampler(**{"vae": Identity(), "random_state": 0} | settings)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([ONE_HOT], ((0, 3), (3, 5))),
        ([SINGLE, ONE_HOT], ((0, 1), (1, 4), (4, 6))),
        ([ONE_HOT, SINGLE, NUMBERS], ((0, 3), (3, 5), (5, 6), (6, 7), (7, 8))),
        ([NUMBERS, ONE_HOT[:, :2]], ((0, 1), (1, 2), (2, 3), (3, 4))),
        ([sp.csr_matrix((N, 1)), ONE_HOT[:, 3:]], ((0, 1), (1, 3))),
    ],
    ids=["one-hot", "a flag before", "numbers behind", "incomplete", "an empty column"],
)
def test_one_hot_columns_are_found(parts, expected):
    assert SparseTable.of(sp.hstack(parts).tocsr()).parts == expected


@pytest.mark.parametrize(
    "make",
    [sp.csr_matrix, sp.csc_matrix, sp.coo_matrix, sp.lil_matrix, sp.csr_array, sp.csc_array, sp.coo_array],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, bool])
def test_rows_stay_one_hot_and_sparse(make, dtype):
    x = make(sp.hstack([ONE_HOT, SINGLE]).astype(dtype))
    sampler = over_sampler()
    more, labels = sampler.fit_resample(x, LABELS)
    assert type(more) is type(x)
    assert more.dtype == dtype
    rows = more.toarray().astype(int)
    assert (rows[:N] == x.toarray()).all()
    assert (rows[:, :3].sum(1) == 1).all()
    assert (rows[:, 3:5].sum(1) == 1).all()
    assert set(rows[N:, 5]) <= {0, 1}
    assert (rows[N:] != rows[sampler.sample_indices_[N:]]).any()
    assert (labels == LABELS[sampler.sample_indices_]).all()
    assert sampler.n_features_in_ == 6
    assert list(sampler.categorical_features_) == [0, 1, 2, 3, 4, 5]


def test_numbers_beside_one_hot_columns_were_seen():
    x = sp.hstack([NUMBERS, ONE_HOT]).tocsr()
    sampler = over_sampler()
    more, _ = sampler.fit_resample(x, LABELS)
    for i in (0, 1):
        assert set(more.toarray()[N:, i]) <= set(x.toarray()[:, i])
    assert list(sampler.categorical_features_) == [2, 3, 4, 5, 6]
    assert list(sampler.continuous_features_) == [0, 1]


def test_numbers_alone_are_as_in_a_dense_array():
    more, _ = over_sampler().fit_resample(NUMBERS, LABELS)
    dense, _ = over_sampler().fit_resample(NUMBERS.toarray(), LABELS)
    assert sp.issparse(more)
    assert np.array_equal(more.toarray(), dense)


def test_categories_can_be_named():
    codes = sp.csr_matrix(RNG.integers(0, 4, (N, 2)))
    sampler = over_sampler(categorical_features=[1])
    more, _ = sampler.fit_resample(codes, LABELS)
    assert set(more.toarray()[:, 1]) == set(codes.toarray()[:, 1])
    assert list(sampler.categorical_features_) == [1]
    assert list(sampler.continuous_features_) == [0]


@pytest.mark.parametrize(
    "settings", [{"vae": Identity(), "add": "balance"}, {"steps": 2}, {"augment": "auto", "steps": 2}]
)
@pytest.mark.parametrize(
    "x", [ONE_HOT, NUMBERS, sp.hstack([ONE_HOT, NUMBERS]).tocsr()], ids=["one-hot", "numbers", "both"]
)
def test_a_classifier_of_sparse_matrices(x, settings):
    classifier = AugmentedClassifier(LogisticRegression(), random_state=0, **settings).fit(x, LABELS)
    assert classifier.n_features_in_ == x.shape[1]
    assert set(classifier.predict(x)) <= {0, 1}


def test_the_estimator_gets_a_sparse_matrix():
    class Host(LogisticRegression):
        def fit(self, X, y):  # noqa: N803
            self.seen_ = X
            return super().fit(X, y)

    classifier = AugmentedClassifier(Host(), vae=Identity(), random_state=0).fit(ONE_HOT, LABELS)
    assert classifier.estimator_.seen_.shape == (2 * N, 5)
    assert sp.issparse(classifier.estimator_.seen_)
    assert (classifier.estimator_.seen_[:, :3].sum(1) == 1).all()
