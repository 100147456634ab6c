FLOORS: tuple[float, ...]
KIND_COUNT: int
LOSS: int
MEASURE_COUNT: int
MEASURE_OF: tuple[int, ...]
MSE: int
MSE_KIND: int
PEAKS: tuple[float, ...]

def distortion_in(kind: int, error: float) -> float: ...
