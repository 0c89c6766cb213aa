"""Songs that a program composes and a soundfont plays: what the tiny pack learns from."""
