"""Where figures come from: one protocol (`source`), a module for each kind, and the choice per cluster."""
