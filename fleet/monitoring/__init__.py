"""From windows to findings to retrain tickets: which production no longer looks like training, and why.

`evidence`, `detectors`, `causes`, `grouping` and `lifecycle` are rules: values in, values out. `watch` feeds them from
the database; `findings` and `tickets` keep what came out.
"""
