"""Who judges: ``oracle`` knows what a disk may hold, ``reader`` is a second, naive reader of VDI images.

They share no code with what they judge, nor with the simulated machine.
"""
