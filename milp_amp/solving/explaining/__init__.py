"""Why a plan is what it is, why there is none, and what would make it better: ``solve``, asked again and again."""
