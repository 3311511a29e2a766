"""The demo's own settings, over cdk.json's."""

# Small grey images: a small network trained from the start, instead of cdk.json's choice for photographs.
DIGITS = {
    "architecture": "resnet10",
    "image_size": "32",
    "epochs": "4",
    "batch_size": "128",
    "learning_rate": "0.02",
    "trainable": "all",
    "accuracy_floor": "0.95",
}
