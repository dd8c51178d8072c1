"""The whole suite again and again: in any order, with any seed, on the reference and on correct variants of it."""
