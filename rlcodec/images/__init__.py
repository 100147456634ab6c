"""Reading of images as the pixels that presets code."""
