"""`make try`: a page on this machine alone, on which an image is dropped and the deployed function answers."""
