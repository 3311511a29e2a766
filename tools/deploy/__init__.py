"""`make deploy`, `live`, `weights` and `destroy`: a whole deployment, on the AWS that the environment names."""
