"""The things beside which the product is measured, in the same run."""
