"""`make upload`, and what else is done with a folder of images: check it, compute its digest, write the digits."""
