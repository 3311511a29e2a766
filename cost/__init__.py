"""`python -m cost`: what a month, a prediction and a training cost, by the synthesized templates and list prices."""
