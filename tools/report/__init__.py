"""`make report`: one HTML file about what is deployed, which opens without a network and runs no script."""
