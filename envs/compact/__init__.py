"""Task of preset `compact`: measuring pictures, fitting predictions, and the decision process on a trace."""
