"""Code that serves the model. It lies flat beside the model in model.tar.gz, so modules import each other by name."""
