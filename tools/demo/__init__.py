"""`make demo`: from images to a served model on the local AWS, with one command."""
