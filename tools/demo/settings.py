"""Settings of the demo that replace those of cdk.json when it runs on the digits."""

# For small grey images: a small network, trained from scratch. Those of cdk.json are for photographs.
DIGITS = {
    "architecture": "resnet10",
    "image_size": "32",
    "epochs": "4",
    "batch_size": "128",
    "learning_rate": "0.02",
    "trainable": "all",
    "augment": "shift",
    "accuracy_floor": "0.95",
}
