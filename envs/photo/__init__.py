"""The task of preset `photo`: traces of photographs, and predictions fitted to them."""
