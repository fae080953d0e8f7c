"""Where frames come from: files and pictures. Translates the errors of PyAV, Pillow and OpenCV."""
