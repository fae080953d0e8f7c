"""The engine: one generator, the threads around it, and the account of a run. Imports model only."""
