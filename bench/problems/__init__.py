"""The evaluation of the problems engine: made-up histories with known faults, as stored rows."""
