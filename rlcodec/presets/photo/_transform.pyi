import numpy as np

BLOCK: int
PLANES: int
SIZES: int

def forward(
    picture: np.ndarray, basis: np.ndarray, across: np.ndarray, colors: np.ndarray, coefficients: np.ndarray
) -> None: ...
def inverse(
    values: np.ndarray, centroids: np.ndarray, step: float, basis: np.ndarray, colors: np.ndarray, planes: np.ndarray
) -> None: ...
def slice_errors(
    coefficients: np.ndarray, values: np.ndarray, centroids: np.ndarray, slice_of: np.ndarray, errors: np.ndarray
) -> None: ...
