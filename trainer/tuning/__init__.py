"""The search for hyper-parameters: trials in processes of their own, pruned, resumable."""
