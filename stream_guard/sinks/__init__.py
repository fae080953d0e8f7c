"""Where redacted frames go: files and pictures. Translates the errors of PyAV, Pillow and OpenCV."""
