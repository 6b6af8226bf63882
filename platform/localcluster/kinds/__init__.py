"""What each kind does differently from a plain object: shapes, defaults, preparation, validation.

Functions and data only; `localcluster.resources` hangs them into its table and nothing else calls them.
"""
