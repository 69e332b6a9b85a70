"""Rollouts: the rules of plan, gates and transitions, and the commander who acts on them."""
