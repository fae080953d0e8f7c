"""Where redacted frames go: files and pictures. Imports the model, PyAV, Pillow and OpenCV; translates their errors."""
