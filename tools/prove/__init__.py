"""`make prove`: asks an account what AWS's documents leave open. A row is one question, a step what it takes to ask."""
