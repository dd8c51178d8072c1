"""The scenario language (format, loading, matching, verbs) and the runner.

Text becomes a tree (`yamltree`), the tree becomes patterns (`values`) in declared shapes (`shapes`, `checkshapes`,
`arguments`), the loader makes a `Suite` of `Scenario`s and `Case`s (`model`), the runner drives them.
"""
