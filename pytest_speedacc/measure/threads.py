"""The environment variables by which libraries are told how many threads to use."""

from __future__ import annotations

OF_POOLS = {
    "openmp": "OMP_NUM_THREADS",
    "openblas": "OPENBLAS_NUM_THREADS",
    "mkl": "MKL_NUM_THREADS",
    "blis": "BLIS_NUM_THREADS",
}
"""By what threadpoolctl calls the library."""
OF_ENVIRONMENT = (*OF_POOLS.values(), "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
"""Those that tell one environment from another: where one more is set that stands here, it is another environment."""
ALL = (
    *OF_ENVIRONMENT,
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
