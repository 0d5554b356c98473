"""People: a parametric body (anny), skin painted on it, hair and clothes grown from it."""
