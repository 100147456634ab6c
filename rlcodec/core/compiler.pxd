"""What compiled loops ask of the compiler."""

cdef extern from "compiler.h":
    # Return type of a function without a result that is compiled for several instruction sets; the loader picks one.
    ctypedef void cloned "RL_CLONES void"
