"""Rendered worlds: scene descriptions sampled in plain Python, pictures made by Blender in a process of its own (mailru, system S4)."""
