"""`make preflight`, `deploy`, `live`, `weights` and `destroy`: a whole deployment, on the environment's AWS."""
