"""People at the station: the operator page, its JSON API, and the prediction API, behind PINs."""
