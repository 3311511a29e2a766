"""Cost of a month, a prediction and a training, from the synthesized templates and list prices."""
