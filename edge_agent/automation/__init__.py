"""How much the machine may decide alone at this station: evidence, changes, and who made them."""
