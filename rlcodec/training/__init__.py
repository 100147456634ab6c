"""Training of the codec's networks with torch, and their export to the integers and ONNX graphs that the runtime uses."""
