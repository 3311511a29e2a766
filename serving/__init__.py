"""What goes beside the model in model.tar.gz. It lies flat there, so these modules import each other by bare name."""
