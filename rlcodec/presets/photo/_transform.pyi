import numpy as np

PLANES: int
AREA: int
CELL: int
TRANSFORMS: int
AREA_PIXELS: int
AREA_CELLS: int
WHOLE: int
RASTER: int
FREQUENCIES: int
CENTRED: int
SLICES: int
OFFSET_LIMIT: int
CHROMA_LIMIT: int
CHROMA_UNIT: int

def show_planes(planes: np.ndarray, colors: np.ndarray, picture: np.ndarray) -> None: ...
def to_planes(picture: np.ndarray, colors: np.ndarray, planes: np.ndarray) -> None: ...
def transform_areas(planes: np.ndarray, splits: np.ndarray, bases: np.ndarray, coefficients: np.ndarray) -> None: ...
def forward(planes: np.ndarray, side: int, basis: np.ndarray, coefficients: np.ndarray) -> None: ...
def inverse(
    values: np.ndarray,
    splits: np.ndarray,
    offsets: np.ndarray,
    chroma: np.ndarray,
    centroids: np.ndarray,
    scales: np.ndarray,
    relative: np.ndarray,
    slices: np.ndarray,
    bases: np.ndarray,
    planes: np.ndarray,
) -> None: ...
